package failure

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

type (
	fruit string
	stone string
)

func TestAFailureKeepsItsClassWhenItIsWrapped(t *testing.T) {
	inner := Errorf(fruit("apple"), "in the %s: %w", "cellar", context.Canceled)
	for _, err := range []error{inner, fmt.Errorf("after 3 tries: %w", inner), errors.Join(errors.New("first"), inner)} {
		if class, ok := ClassOf[fruit](err); class != "apple" || !ok || !errors.Is(err, context.Canceled) {
			t.Errorf("%v is %q, %t", err, class, ok)
		}
		if class, ok := ClassOf[stone](err); class != "" || ok {
			t.Errorf("%v has the class %q of another type", err, class)
		}
	}
	if class, _ := ClassOf[fruit](Errorf(fruit("pear"), "%w", inner)); class != "pear" {
		t.Errorf("the class of a failure that wraps another is %q", class)
	}
	if got, want := inner.Error(), "in the cellar: context canceled"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAnErrorWithoutAClassHasNone(t *testing.T) {
	for _, err := range []error{nil, errors.New("other")} {
		if class, ok := ClassOf[fruit](err); class != "" || ok {
			t.Errorf("%v is %q, %t", err, class, ok)
		}
	}
}
