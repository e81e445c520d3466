// Command nbody is a function that only computes: it moves the Sun and the four
// giant planets, and replies with the system's energy before and after.
package main

import (
	"fmt"
	"strconv"

	"github.com/nearcast/nearcast/lab/functions/handler"
)

const (
	defaultSteps = 1000
	// mostSteps keeps one call from occupying a node for more than seconds.
	mostSteps = 50_000_000
)

func init() { handler.Register(answer) }

func main() { handler.Main() }

// answer reads ?steps=N.
func answer(r handler.Request) handler.Reply {
	_, query, err := r.Split()
	if err != nil {
		return handler.Text(400, err.Error()+"\n")
	}
	steps := defaultSteps
	if text := query.Get("steps"); text != "" {
		if steps, err = strconv.Atoi(text); err != nil || steps < 0 || steps > mostSteps {
			return handler.Text(400, fmt.Sprintf("steps=%s is not a number from 0 to %d\n", text, mostSteps))
		}
	}
	before, after := simulate(steps)
	return handler.Text(200, fmt.Sprintf("%.9f\n%.9f\n", before, after))
}
