package interop

import (
	"context"
	"path/filepath"

	"github.com/nearcast/nearcast/internal/base/admin"
	"github.com/nearcast/nearcast/internal/testkit/fixture"
	"github.com/nearcast/nearcast/lab/process"
)

// speaker is a nearcast-speaker in a node.
type speaker struct {
	*process.Process
	node   *node
	config string // the file
	admin  string // the socket
}

// speaker starts one with a configuration, to which it adds the key for its socket.
func (n *node) speaker(config string) *speaker {
	n.t.Helper()
	s := &speaker{node: n, config: filepath.Join(n.dir, n.name+".yaml"), admin: filepath.Join(n.dir, n.name+".sock")}
	fixture.Write(n.t, s.config, "admin: "+s.admin+"\n"+config)
	s.Process = n.program("speaker", filepath.Join(bin, "nearcast-speaker"), "--config", s.config)
	n.run(s.Process)
	return s
}

// tell sends the speaker's drains a request.
func (s *site) tell(method string) {
	s.node.t.Helper()
	if err := admin.Call(context.Background(), s.speaker.admin, method, "/drains", nil, nil); err != nil {
		s.node.t.Fatalf("%s: %v", s.node.name, err)
	}
}
