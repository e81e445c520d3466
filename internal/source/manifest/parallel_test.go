package manifest

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestLargeDocumentsAreReadOneAfterTheOther has a reader wait until another one has finished
// with as many values as one document may have.
func TestLargeDocumentsAreReadOneAfterTheOther(t *testing.T) {
	for name, text := range map[string]string{"f.yaml": service, "f.json": object("a"), "fault.yaml": "a: ["} {
		synctest.Test(t, func(t *testing.T) {
			release := reserve(2 * maxValues)
			var done atomic.Bool
			go func() {
				parse(name, []byte(text))
				done.Store(true)
			}()
			if synctest.Wait(); done.Load() {
				t.Errorf("%s: was read beside the largest document", name)
			}
			release()
			if synctest.Wait(); !done.Load() {
				t.Errorf("%s: was not read after the largest document", name)
			}
		})
	}
}
