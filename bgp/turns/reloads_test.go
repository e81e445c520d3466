package turns

import (
	"testing"
	"time"
)

func TestTheLastFileIsAppliedWithTheFewestResets(t *testing.T) {
	t.Run("the settings are reverted while it is drained", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(5 * time.Second)
		w.file("A=1 B=1")
		w.pass(time.Hour)
		w.wants("10 drain A", "15 keep A")
	})
	t.Run("the settings are reverted for a session that waits", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(5 * time.Second)
		w.file("A=2 B=1")
		w.key("A", "2")
		w.pass(time.Hour)
		w.wants("10 drain A")
	})
	t.Run("new settings for one that is drained and one that waits", func(t *testing.T) {
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
	t.Run("new settings for one that is not back, which restarts its bound", func(t *testing.T) {
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
	t.Run("it is removed while it is drained, which ends its turn", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(5 * time.Second)
		w.file("B=2")
		w.pass(20 * time.Second)
		w.wants("10 drain A", "20 end A", "20 drain B", "30 reset B")
	})
	t.Run("the file has it again while it is being removed", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("B=1")
		w.pass(5 * time.Second)
		w.file("B=1 A=1")
		w.pass(time.Hour)
		w.wants("10 drain A", "15 keep A")
	})
	t.Run("the file has it again with other settings", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("B=1")
		w.pass(5 * time.Second)
		w.file("B=1 A=2")
		w.pass(time.Hour)
		w.wants("10 drain A", "20 reset A")
	})
	t.Run("a session that is not back is removed", func(t *testing.T) {
		w := started(t, "A=1 B=1")
		w.file("A=2 B=2")
		w.pass(time.Minute)
		w.file("B=2")
		w.pass(time.Minute)
		w.wants("10 drain A", "20 reset A", "70 drain B", "80 reset B")
	})
}
