package nearcast

import (
	"strings"

	"github.com/nearcast/nearcast/plugin/internal/domain"
	"github.com/nearcast/nearcast/plugin/internal/imputed"
)

// impute notes that one of the function's wildcards answers for the name: clients can make up any number of names
// below it.
func (a *answer) impute(name []byte, function int) {
	for _, h := range a.view.State.Functions.At(function).Hostnames {
		if parent, ok := strings.CutPrefix(h, "*."); ok && domain.Under(name, parent) {
			imputed.To(a.ctx, h)
			return
		}
	}
}
