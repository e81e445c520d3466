//go:build !minimal

package corefile

import _ "github.com/coredns/coredns/core/plugin"
