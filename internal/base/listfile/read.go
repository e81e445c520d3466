package listfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/nearcast/nearcast/internal/base/regular"
)

// most bounds the file, in octets.
const most = 16 << 20

// damaged is appended to the name of a file that is set aside.
const damaged = ".damaged"

// read returns the file's elements; a missing file is an empty array. It returns the elements that
// check accepts even if others, or the file's end, are damaged. It then renames the file to
// PATH.damaged, replacing an earlier one, so that somebody can inspect it, and the error says what
// is wrong.
func read[T any](path string, check func(T) error) ([]T, error) {
	raw, err := regular.Read(path, most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []T
	if err == nil {
		all, err = decodeList(raw, check)
	}
	if err == nil {
		return all, nil
	}
	what := fmt.Sprintf("the file is moved to %s%s, and its %d valid entries are in force", path, damaged, len(all))
	if failed := os.Rename(path, path+damaged); failed != nil {
		what = fmt.Sprintf("the file cannot be moved (%v) and is replaced at the next change; its %d valid entries are in force", systemError(failed), len(all))
	}
	return all, fmt.Errorf("%s: %w; %s", path, err, what)
}

// decodeList returns the good elements, and an error about the others and the rest.
func decodeList[T any](raw []byte, check func(T) error) (all []T, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if first, failed := decoder.Token(); failed != nil || first != json.Delim('[') && first != nil {
		return nil, errors.New("is not a JSON array")
	} else if first == nil {
		return nil, nil // null: earlier versions wrote an empty list this way
	}
	for n := 1; decoder.More(); n++ {
		var text json.RawMessage
		if failed := decoder.Decode(&text); failed != nil {
			return all, errors.Join(err, fmt.Errorf("entry %d: %w", n, failed))
		}
		var one T
		failed := json.Unmarshal(text, &one)
		if string(text) == "null" {
			failed = errors.New("is null")
		}
		if failed == nil {
			failed = check(one)
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("entry %d: %w", n, failed))
			continue
		}
		all = append(all, one)
	}
	if _, failed := decoder.Token(); failed != nil {
		return all, errors.Join(err, errors.New("ends before the end of the array"))
	}
	if _, failed := decoder.Token(); !errors.Is(failed, io.EOF) {
		return all, errors.Join(err, errors.New("has data after the array"))
	}
	return all, err
}

// systemError returns the error of a rename without the two paths.
func systemError(err error) error {
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}
