//go:build minimal

package corefile

import _ "github.com/nearcast/nearcast/internal/directives/minimal"
