package edge

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const mebi = 1 << 20

// stage is what one node did from then to then.
type stage struct {
	node, name    string
	use           use // at the end; waits and throttled since the begin
	cpu, gc, took time.Duration
	answers       []answer
	latencies
}

// table prints stages beside each other.
func table(stages []stage) string {
	var b strings.Builder
	b.WriteString("| | | MiB | anonymous | program | % of a core | of it collecting | throttled | waits for pages | p50 | p99 | p99.9 | longest | unanswered |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range stages {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %.0f | %.0f %% | %.1f %% | %d | %.1f ms | %.1f ms | %.1f ms | %.0f ms | %d of %d |\n",
			s.name, s.node, s.use.current/mebi, s.use.anon/mebi, s.use.mapped/mebi, 100*share(s.cpu, s.took), 100*share(s.gc, s.cpu), 100*share(s.use.throttled, s.took), s.use.waits,
			ms(s.p50), ms(s.p99), ms(s.p999), ms(s.max), s.lost, s.asked)
	}
	return b.String()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func share(part, of time.Duration) float64 { return part.Seconds() / max(of.Seconds(), 0.01) }

// observation is of one node, from its begin on.
type observation struct {
	*node
	begin   time.Time
	cpu, gc time.Duration
	use     use
}

func (n *node) observe(t *testing.T) observation {
	t.Helper()
	u, err := n.use()
	if err != nil {
		t.Fatal(err)
	}
	return observation{n, time.Now(), n.cpu(t), n.collecting(), u}
}

// end waits until the observation lasted so long.
func (o observation) end(t *testing.T, name string, lasting time.Duration) stage {
	t.Helper()
	answers := o.between(o.begin, o.begin.Add(lasting))
	now := o.node.observe(t)
	now.use.waits -= o.use.waits
	now.use.throttled -= o.use.throttled
	return stage{o.name, name, now.use, now.cpu - o.cpu, now.gc - o.gc, now.begin.Sub(o.begin), answers, sum(answers)}
}
