//go:build minimal

package corefile

import _ "github.com/nearcast/nearcast/internal/base/directives/minimal"
