package turns

import (
	"testing"
	"time"
)

func TestTheLastFileCountsWithTheFewestResets(t *testing.T) {
	t.Run("the settings are as before, while it is drained", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(5 * time.Second)
		w.file("A=1 B=1")
		w.pass(time.Hour)
		w.wants("10 drain A", "15 keep A")
	})
	t.Run("they are as before for one that waits", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(5 * time.Second)
		w.file("A=2 B=1")
		w.key("A", "2")
		w.pass(time.Hour)
		w.wants("10 drain A")
	})
	t.Run("others for one that is drained, and for one that waits", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(5 * time.Second)
		w.file("A=3 B=3")
		w.pass(10 * time.Second)
		w.key("A", "3")
		w.pass(15 * time.Second)
		w.key("B", "3")
		w.pass(time.Hour)
		w.wants("10 drain A", "20 reset A", "30 drain B", "40 reset B")
	})
	t.Run("others for one that is not back, which gets the bound again", func(t *testing.T) {
		w := started(t, "A=1 B=1 C=1")
		w.file("A=2 B=2 C=1")
		w.pass(200 * time.Second)
		w.file("A=3 B=3 C=1")
		w.pass(200 * time.Second)
		w.wants("10 drain A", "20 reset A")
		w.key("A", "3")
		w.pass(5 * time.Second)
		w.wants("415 drain B")
	})
	t.Run("it leaves while it is drained, and its turn ends with it", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(5 * time.Second)
		w.file("B=2")
		w.pass(20 * time.Second)
		w.wants("10 drain A", "20 end A", "20 drain B", "30 reset B")
	})
	t.Run("it comes back to the file while it leaves", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("B=1")
		w.pass(5 * time.Second)
		w.file("B=1 A=1")
		w.pass(time.Hour)
		w.wants("10 drain A", "15 keep A")
	})
	t.Run("it comes back otherwise", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("B=1")
		w.pass(5 * time.Second)
		w.file("B=1 A=2")
		w.pass(time.Hour)
		w.wants("10 drain A", "20 reset A")
	})
	t.Run("what is not back is removed", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(time.Minute)
		w.file("B=2")
		w.pass(time.Minute)
		w.wants("10 drain A", "20 reset A", "70 drain B", "80 reset B")
	})
}
