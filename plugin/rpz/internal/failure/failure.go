// Package failure gives errors a class: the result by which a failed request is counted, and advice on it chosen.
package failure

import (
	"errors"
	"fmt"
)

type failure[C ~string] struct {
	class C
	err   error
}

func (f *failure[C]) Error() string { return f.err.Error() }
func (f *failure[C]) Unwrap() error { return f.err }

// Errorf returns an error of the class, worded as fmt.Errorf words it. A class that it wraps no longer counts.
func Errorf[C ~string](class C, format string, args ...any) error {
	return &failure[C]{class, fmt.Errorf(format, args...)}
}

// ClassOf returns the outermost class of type C in the error's tree, and whether there is one.
func ClassOf[C ~string](err error) (class C, ok bool) {
	f, ok := errors.AsType[*failure[C]](err)
	if ok {
		class = f.class
	}
	return class, ok
}
