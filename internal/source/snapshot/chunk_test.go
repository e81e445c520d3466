package snapshot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/nearcast/nearcast/internal/federation"
)

// file4 returns a file with the chunks.
func file4(chunks ...[]byte) []byte {
	var file bytes.Buffer
	f := &frameWriter{to: &file}
	_ = f.begin(firstLine(format, "k")) // a Buffer never fails
	for _, chunk := range append(chunks, nil) {
		_ = f.write(chunk)
	}
	return file.Bytes()
}

// chunksOf returns the chunks of what is written.
func chunksOf(t testing.TB, c Contents) (all [][]byte) {
	t.Helper()
	var file bytes.Buffer
	if err := write(&file, "k", c.Saved, held(c)); err != nil {
		t.Fatal(err)
	}
	for rest := file.Bytes()[len(firstLine(format, "k")):]; ; {
		n := binary.LittleEndian.Uint32(rest)
		if n == 0 {
			return all
		}
		all = append(all, rest[frameHead:frameHead+n])
		rest = rest[frameHead+n:]
	}
}

// many returns functions that fill several chunks, in their order.
func many(n int) (all []federation.Object) {
	for i := range n {
		name := fmt.Sprintf("function-%05d", i)
		all = append(all, &federation.Template{Service: &federation.Service{}, Meta: federation.Meta{
			Common: &federation.Common{Kind: "Service", Namespace: fmt.Sprint("ns", i%7)}, Name: name, UID: federation.UIDOf(strings.Repeat("u", 36)),
			Annotations: federation.Annotations{{Key: "nearcast.dev/ttl", Value: fmt.Sprint(1 + i%3)}},
		}})
	}
	return all
}

// TestChunksAreJoinedInTheirOrder reads several, with what a shape has in each of them.
func TestChunksAreJoinedInTheirOrder(t *testing.T) {
	saved := Contents{Objects: many(10_000)}
	if n := len(chunksOf(t, saved)); n < 3 {
		t.Fatalf("%d chunks", n)
	}
	got := reread(t, saved)
	if len(got.Objects) != len(saved.Objects) {
		t.Fatalf("%d objects", len(got.Objects))
	}
	for i, o := range got.Objects {
		o, want := o.(*federation.Template), saved.Objects[i].(*federation.Template)
		if o.Ref() != want.Ref() || o.TTL.Seconds() != float64(1+i%3) {
			t.Fatalf("%d: %s, TTL %s", i, o.Ref(), o.TTL)
		}
	}
}

// TestAFrameIsOnlyGoodInItsPlace exchanges two frames, and leaves one out.
func TestAFrameIsOnlyGoodInItsPlace(t *testing.T) {
	chunks := chunksOf(t, Contents{Objects: many(10_000)})
	file := file4(chunks...)
	first := len(firstLine(format, "k"))
	second := first + frameHead + len(chunks[0])
	third := second + frameHead + len(chunks[1])
	for name, moved := range map[string][]byte{
		"exchanged": bytes.Join([][]byte{file[:first], file[second:third], file[first:second], file[third:]}, nil),
		"left out":  bytes.Join([][]byte{file[:first], file[second:]}, nil),
		"twice":     bytes.Join([][]byte{file[:second], file[first:]}, nil),
	} {
		if _, err := read(bytes.NewReader(moved), "k"); err == nil || err.Error() != "is damaged: checksum mismatch" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSizesThatLieAllocateNothing has a frame, a count and a text that claim more than
// there is, with right checksums.
func TestSizesThatLieAllocateNothing(t *testing.T) {
	huge := binary.AppendUvarint(nil, math.MaxInt64)
	large := binary.AppendUvarint(nil, 1<<24) // strings of 256 MiB
	lies := map[string][]byte{
		"more texts than octets": large, "more members than octets": append([]byte{0, 0}, large...),
		"texts":     huge,
		"a text":    append([]byte{1}, huge...),
		"shapes":    append([]byte{0}, huge...),
		"a shape":   append([]byte{0, 1}, huge...),
		"a number":  bytes.Repeat([]byte{0xff}, 40),
		"members":   append([]byte{0, 0}, huge...),
		"a tag":     append([]byte{0, 0, 0}, huge...),
		"addresses": append([]byte{0, 0, 0, byte(tagLookup), 0}, huge...),
	}
	for name, chunk := range lies {
		lies[name] = file4(chunk)
	}
	frame := file4(make([]byte, 100))
	binary.LittleEndian.PutUint32(frame[len(firstLine(format, "k")):], math.MaxUint32)
	lies["a frame"] = frame
	for name, file := range lies {
		var err error
		n := allocated(func() { _, err = read(bytes.NewReader(file), "k") })
		if err == nil || !strings.HasPrefix(err.Error(), "is damaged: ") {
			t.Errorf("%s: %v", name, err)
		}
		if n > 4<<20 {
			t.Errorf("%s: %d octets were allocated", name, n)
		}
	}
}

// TestWhatIsCommonIsReadAndWrittenOnce holds what a function takes among many that are
// alike: some octets of the file, and of memory only what is its own.
func TestWhatIsCommonIsReadAndWrittenOnce(t *testing.T) {
	const n = 20_000
	saved := Contents{Objects: many(n)}
	var file bytes.Buffer
	writing := allocated(func() {
		if err := write(&file, "k", time.Now(), held(saved)); err != nil {
			t.Fatal(err)
		}
	}) - uint64(2*file.Cap()) // as the buffer grows
	reading := allocated(func() {
		if _, err := read(bytes.NewReader(file.Bytes()), "k"); err != nil {
			t.Fatal(err)
		}
	})
	octets, objects := file.Len()/n, int(reading/n)
	t.Logf("of each function: %d octets of the file, %d to read it; %d in all to write", octets, objects, writing)
	if own := 36 + 14 + 10; octets > own { // UID and name, their lengths, and numbers
		t.Errorf("a function takes %d octets of the file, want at most %d", octets, own)
	}
	if most := 3*int(unsafe.Sizeof(federation.Template{}))/2 + 200; objects > most {
		t.Errorf("reading a function allocates %d octets, want at most %d", objects, most)
	}
	if int64(writing) > 8*wholeChunk {
		t.Errorf("writing all allocates %d octets, want that of a few chunks", writing)
	}
}

func allocated(what func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	what()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzChunk reads a chunk with a right checksum: what is read can be built, and is the same
// when it is written and read again.
func FuzzChunk(f *testing.F) {
	f.Add([]byte{})
	for _, chunk := range chunksOf(f, contents(f)) {
		f.Add(chunk)
	}
	f.Fuzz(func(t *testing.T, chunk []byte) {
		c, err := read(bytes.NewReader(file4(chunk)), "k")
		if err != nil {
			return
		}
		state(c.Objects)
		again := reread(t, c)
		for i, o := range c.Objects {
			if m := federation.MetaOf(o); len(m.Annotations) == 0 {
				m.Annotations = nil // all of a cluster's were refused
			}
			if !reflect.DeepEqual(again.Objects[i], o) {
				t.Errorf("%#v\nbecame %#v", o, again.Objects[i])
			}
		}
		if !maps.Equal(again.Verdicts, c.Verdicts) || !reflect.DeepEqual(again.Lookups, c.Lookups) || !again.Confirmed.Equal(c.Confirmed) {
			t.Errorf("%+v\nbecame %+v", c, again)
		}
	})
}

// FuzzFile reads anything.
func FuzzFile(f *testing.F) {
	f.Add([]byte(magic))
	f.Add(file4([]byte{0, 0, 0}))
	f.Fuzz(func(_ *testing.T, file []byte) {
		_, _ = read(bytes.NewReader(file), "k") // it must not panic
	})
}
