package nearcast

import (
	"strings"

	"github.com/nearcast/nearcast/plugin/internal/domain"
	"github.com/nearcast/nearcast/plugin/internal/imputed"
)

// impute notes that it is one of the function's wildcards that answers for the name:
// below it names can be made up without end.
func (a *answer) impute(name []byte, function int) {
	for _, h := range a.view.State.Functions.At(function).Hostnames {
		if parent, ok := strings.CutPrefix(h, "*."); ok && domain.Under(name, parent) {
			imputed.To(a.ctx, h)
			return
		}
	}
}
