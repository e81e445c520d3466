package download

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nearcast/nearcast/plugin/rpz/internal/outbound"
	"github.com/nearcast/nearcast/plugin/rpz/internal/policyzone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// list returns a list with the serial and a rule for each name.
func list(serial int, names ...string) string {
	text := fmt.Sprintf("$TTL 60\n@ SOA ns. host. %d 3600 600 86400 60\n@ NS ns.\n", serial)
	for _, n := range names {
		text += n + " CNAME .\n"
	}
	return text
}

var (
	first  = list(1, "a.example", "b.example", "c.example")
	second = list(2, "a.example", "d.example", "e.example", "f.example")
)

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// publisher serves lists over HTTPS with the handler that is set.
type publisher struct {
	*httptest.Server
	handler atomic.Pointer[http.HandlerFunc]
	asked   atomic.Int64
}

func (p *publisher) set(h http.HandlerFunc) { p.handler.Store(&h) }

func publish(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		(*p.handler.Load())(w, r)
	}))
	p.Config.ErrorLog = nil
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

// ca writes the server's certificate to a CA file.
func (p *publisher) ca(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// plain answers with the text and its ETag.
func plain(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tag := `"` + digestOf(text)[:8] + `"`
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, text)
	}
}

// follower is a List with its events.
type follower struct {
	*List
	published []*policyzone.Zone
	events    []Event
}

func follow(t *testing.T, p *publisher, change func(*Config)) *follower {
	t.Helper()
	c := Config{Zone: "rpz.test.", Refresh: time.Hour, Trust: outbound.Trust{}}
	if p != nil {
		c.URL, c.Trust.CA = p.URL+"/lists/one.rpz?token=s3cret", p.ca(t)
	}
	if change != nil {
		change(&c)
	}
	f := &follower{}
	var err error
	f.List, err = New(c, func(z *policyzone.Zone) { f.published = append(f.published, z) }, func(e Event) { f.events = append(f.events, e) })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// once downloads once and returns the results, and the text of errors.
func (f *follower) once(t *testing.T) (string, string) {
	t.Helper()
	f.events = nil
	f.refresh(t.Context())
	return f.said()
}

func (f *follower) said() (string, string) {
	var all, errs []string
	for _, e := range f.events {
		all = append(all, string(e.Result))
		if e.Err != nil {
			errs = append(errs, e.Err.Error())
		}
	}
	return strings.Join(all, " "), strings.Join(errs, "\n")
}

func (f *follower) serial() uint32 { return f.published[len(f.published)-1].Serial() }

func TestAListIsDownloadedOnlyIfItChanged(t *testing.T) {
	p := publish(t)
	f := follow(t, p, nil)
	for _, step := range []struct{ text, want string }{
		{first, "loaded"}, {first, "current"}, {first, "current"}, {second, "loaded"}, {second, "current"}, {first, "loaded"},
	} {
		p.set(plain(step.text))
		if got, err := f.once(t); got != step.want {
			t.Fatalf("got %s, want %s: %s", got, step.want, err)
		}
	}
	if len(f.published) != 3 {
		t.Errorf("%d lists were published", len(f.published))
	}
	modified := "Mon, 02 Jan 2006 15:04:05 GMT"
	p.set(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-Modified-Since") == modified {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Last-Modified", modified)
		io.WriteString(w, first) // the list that is held; only its date is new
	})
	for range 2 {
		if got, err := f.once(t); got != "current" {
			t.Fatalf("%s: %s", got, err)
		}
	}
	if f.mark.Modified != modified || len(f.published) != 3 {
		t.Errorf("%v, %d lists", f.mark, len(f.published))
	}
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.Bytes()
}

// coded answers in gzip.
func coded(body []byte) http.HandlerFunc { return as("gzip", body) }

func as(coding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", coding)
		w.Write(body)
	}
}

// raw writes a raw answer and closes the connection.
func raw(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, strings.Join(parts, ""))
		conn.Close()
	}
}

// statusLine answers with a status.
func statusLine(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no list", code) }
}

func to(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) }
}

func TestOnlyACompleteValidListIsUsed(t *testing.T) {
	insecure := httptest.NewServer(plain(second))
	t.Cleanup(insecure.Close)
	elsewhere := publish(t) // of the same certificate
	elsewhere.set(plain(second))
	long := strings.Repeat("x.example. CNAME .\n", 500) // out of the zone, so not rules
	bomb := zipped(second + strings.Repeat("; nothing at all, many times over\n", 100_000))
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
		word    string
	}{
		"a body shorter than its length": {raw("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n", second), "broken", "cut off"},
		"a body that ends inside a line": {raw("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n", second[:len(second)-9]), "broken", "cut off"},
		"chunks without the last":        {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n", len(second), second)), "broken", "cut off"},
		"a chunk that is cut":            {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s", len(second)+10, second)), "broken", "cut off"},
		"no length and no chunks":        {raw("HTTP/1.1 200 OK\r\n\r\n", second), "broken", "Content-Length"},
		"HTTP/1.0 without a length":      {raw("HTTP/1.0 200 OK\r\n\r\n", second), "broken", "Content-Length"},
		"fewer records and half a line":  {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, list(2, "a.example")+"b.exam CNAME .") }, "broken", "half published"},
		"gzip that is cut":               {coded(zipped(second)[:60]), "broken", "cut off"},
		"gzip without its checksum":      {coded(zipped(second)[:len(zipped(second))-8]), "broken", "cut off"},
		"gzip that is damaged":           {coded(append(zipped(second)[:len(zipped(second))-8], 1, 2, 3, 4, 5, 6, 7, 8)), "broken", "gzip"},
		"gzip with trailing data":        {coded(append(zipped(second), "more"...)), "broken", ""},
		"not gzip":                       {coded([]byte(second)), "broken", "not valid gzip"},
		"a coding that was not requested": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			io.WriteString(w, second)
		}, "refused", `"br"`},
		"more octets than the limit":      {plain(second + strings.Repeat(";", 20_000)), "too-large", "larger than"},
		"more octets in gzip":             {coded(bomb), "too-large", ""},
		"more records than the limit":     {plain(second + long), "too-large", "records"},
		"gzip of nothing, many times":     {coded(append(bytes.Repeat(zipped(""), 1500), zipped(second)...)), "too-large", "larger than the limit"},
		"$GENERATE":                       {plain(second + "$GENERATE 1-65535 x$.example CNAME .\n"), "refused", "$GENERATE"},
		"$generate in parentheses":        {plain(second + "($generate 1-65535 x$.example CNAME .)\n"), "refused", "$GENERATE"},
		"$GENERATE after a BOM":           {plain("\ufeff$GENERATE 1-65535 x$.example CNAME .\n" + second), "refused", "$GENERATE"},
		"a quoted string without its end": {plain(second + "x.example TXT \"a\ny.example CNAME .\nz.example TXT b\"\n"), "refused", "quoted string"},
		"$INCLUDE":                        {plain(second + "$INCLUDE /etc/passwd\n"), "refused", "INCLUDE"},
		"an empty body":                   {plain(""), "refused", ""},
		"a web page":                      {plain("<html><body>Sign in to the network</body></html>\n"), "refused", ""},
		"only an SOA":                     {plain("$TTL 60\n@ SOA ns. host. 2 3600 600 86400 60\n"), "refused", "no record"},
		"404":                             {statusLine(404), "status", "404 Not Found"},
		"500":                             {statusLine(500), "status", "500"},
		"206": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			io.WriteString(w, second)
		}, "status", "206"},
		"204":                  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "status", "204"},
		"to HTTP":              {to(insecure.URL + "/list?token=s3cret"), "redirect", "not https"},
		"to a file":            {to("file:///etc/passwd"), "redirect", "not https"},
		"to itself, endlessly": {to("/again"), "redirect", "more than 5 times"},
		"through HTTPS to HTTP": {func(w http.ResponseWriter, r *http.Request) {
			map[bool]http.HandlerFunc{true: to(insecure.URL), false: to("/next")}[r.URL.Path == "/next"](w, r)
		}, "redirect", "not https"},
		"nothing":            {raw(), "unreachable", ""},
		"not HTTP":           {raw("220 ready\r\n"), "unreachable", ""},
		"a head without end": {raw("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 1<<20)), "unreachable", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t)
			path := filepath.Join(t.TempDir(), "copy")
			f := follow(t, p, func(c *Config) { c.File, c.MaxBytes, c.MaxRecords = path, 20_000, 500 })
			p.set(plain(first))
			if got, err := f.once(t); got != "loaded copy-written" {
				t.Fatalf("%s: %s", got, err)
			}
			before, _ := os.ReadFile(path)
			p.set(c.handler)
			got, err := f.once(t)
			if got != c.want || !strings.Contains(err, c.word) {
				t.Errorf("got %s, want %s with %q: %s", got, c.want, c.word, err)
			}
			if strings.Contains(err, "s3cret") || !strings.Contains(err, p.URL+"/lists/one.rpz") {
				t.Errorf("the error reveals the secret, or not where: %s", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) || len(f.published) != 1 {
				t.Errorf("the copy or the published list changed (%d)", len(f.published))
			}
			if files, _ := filepath.Glob(path + "*"); len(files) != 1 {
				t.Errorf("files left: %v", files)
			}
			p.set(plain(second))
			if got, err := f.once(t); got != "loaded copy-written" || f.serial() != 2 {
				t.Errorf("then %s: %s", got, err)
			}
		})
	}
}

func TestACompleteListIsUsedHoweverItIsSent(t *testing.T) {
	other := publish(t)
	var referer string
	other.set(func(w http.ResponseWriter, r *http.Request) { referer += r.Header.Get("Referer"); plain(second)(w, r) })
	for name, handler := range map[string]http.HandlerFunc{
		"with its length":         plain(second),
		"in chunks":               raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(second), second)),
		"in gzip":                 coded(zipped(second)),
		"in x-gzip":               as("X-GZip", zipped(second)),
		"in two parts of gzip":    coded(append(zipped(second[:50]), zipped(second[50:])...)),
		"from another host":       to(other.URL + "/list"),
		"without a final newline": plain(strings.TrimSuffix(second, "\n")),
		"with a BOM and CRLF":     plain("\ufeff" + strings.ReplaceAll(second, "\n", "\r\n")),
		"$GENERATE in a comment":  plain(second + "; $GENERATE 1-2 x$ CNAME .\nx.example TXT \"$GENERATE\"\n"),
	} {
		p := publish(t)
		f := follow(t, p, nil)
		p.set(plain(first))
		f.once(t)
		p.set(handler)
		if got, err := f.once(t); got != "loaded" || f.serial() != 2 {
			t.Errorf("%s: %s: %s", name, got, err)
		}
	}
	if referer != "" {
		t.Errorf("the URL was sent to another host: %s", referer)
	}
}

func TestAListMatchesItsChecksum(t *testing.T) {
	p := publish(t)
	var body, sums atomic.Pointer[string]
	set := func(b, s string) { body.Store(&b); sums.Store(&s) }
	var lists atomic.Int64
	p.set(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/SHA256SUMS" {
			io.WriteString(w, *sums.Load())
			return
		}
		lists.Add(1)
		plain(*body.Load())(w, r)
	})
	f := follow(t, p, func(c *Config) { c.Checksum = p.URL + "/SHA256SUMS" })
	line := func(text string) string { return digestOf(text) + "  one.rpz\n" + digestOf("x") + "  two.rpz\n" }
	for i, step := range []struct {
		body, sums, want string
		lists            int64
	}{
		{first, line(second), "checksum", 1},
		{first, "", "checksum", 1},
		{first, "none here\n", "checksum", 1},
		{first, line(first), "loaded", 2},
		{first, line(first), "current", 2}, // the list is not requested
		{first, line(second), "checksum", 3},
		{list(2, "a.example"), line(second), "checksum", 4},
		{second, digestOf("x") + "  two.rpz\n" + digestOf("y") + "  three.rpz\n", "checksum", 4},
		{second, strings.Repeat("#", 2<<20), "too-large", 4},
		{second, line(second), "loaded", 5},
	} {
		set(step.body, step.sums)
		if got, err := f.once(t); got != step.want || lists.Load() != step.lists {
			t.Errorf("step %d: got %s, want %s; the list was requested %d times: %s", i, got, step.want, lists.Load(), err)
		}
	}
	// With a checksum, the end of the list need not be marked.
	set(first, line(first))
	p.set(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/SHA256SUMS" {
			io.WriteString(w, *sums.Load())
			return
		}
		raw("HTTP/1.0 200 OK\r\n\r\n", first)(w, r)
	})
	if got, err := f.once(t); got != "loaded" {
		t.Errorf("%s: %s", got, err)
	}
	p.set(statusLine(404))
	if got, err := f.once(t); got != "status" || !strings.Contains(err, "/SHA256SUMS") {
		t.Errorf("%s: %s", got, err)
	}
}

func TestTheCopyIsUsedAtStart(t *testing.T) {
	p := publish(t)
	p.set(plain(first))
	path := filepath.Join(t.TempDir(), "copy")
	keep := func(c *Config) { c.File = path }
	if got, err := follow(t, p, keep).once(t); got != "loaded copy-written" {
		t.Fatalf("%s: %s", got, err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		copy       []byte
		start      string
		then, word string
	}{
		"good":                  {good, "copy-loaded", "current", ""},
		"cut":                   {good[:len(good)-10], "copy-damaged", "loaded copy-written", "moved to"},
		"with another rule":     {bytes.Replace(good, []byte("a.example"), []byte("z.example"), 1), "copy-damaged", "loaded copy-written", "checksum"},
		"without its head":      {good[headSize:], "copy-damaged", "loaded copy-written", ""},
		"of another version":    {bytes.Replace(good, []byte("list 1"), []byte("list 9"), 1), "copy-damaged", "loaded copy-written", "another version"},
		"with a bad first line": {bytes.Replace(good, []byte(`{"etag`), []byte(`"etag`), 1), "copy-damaged", "loaded copy-written", "first line"},
		"empty":                 {nil, "copy-damaged", "loaded copy-written", "first line"},
	} {
		if err := os.WriteFile(path, c.copy, 0o600); err != nil {
			t.Fatal(err)
		}
		f := follow(t, p, keep)
		f.load()
		if got, err := f.said(); got != c.start || !strings.Contains(err, c.word) || (len(f.published) == 1) != (c.start == "copy-loaded") {
			t.Errorf("%s: %s, %d published: %s", name, got, len(f.published), err)
		}
		if got, err := f.once(t); got != c.then {
			t.Errorf("%s: then %s: %s", name, got, err)
		}
		os.Remove(path + ".damaged")
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
}

// TestADiskFailureCostsOnlyTheCopy has a file in place of the directory. A copy that
// could not be saved is saved once that is repaired, and again if somebody removes it,
// even if the list has not changed, with and without a checksum.
func TestADiskFailureCostsOnlyTheCopy(t *testing.T) {
	for _, checksum := range []string{"", "/SHA256SUMS"} {
		p := publish(t)
		folder := filepath.Join(t.TempDir(), "state")
		f := follow(t, p, func(c *Config) {
			if c.File = filepath.Join(folder, "copy"); checksum != "" {
				c.Checksum = p.URL + checksum
			}
		})
		p.set(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == checksum {
				io.WriteString(w, digestOf(first))
				return
			}
			plain(first)(w, r)
		})
		if err := os.WriteFile(folder, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.once(t); got != "loaded copy-failed" || !strings.Contains(err, "cannot save the last good copy") {
			t.Errorf("%s: %s", got, err)
		}
		if got, err := f.once(t); got != "current copy-failed" || err != "" {
			t.Errorf("again: %s: %s", got, err)
		}
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		if got, err := f.once(t); got != "current copy-written" || err != "" || !f.events[1].Recovered {
			t.Errorf("%s: %s", got, err)
		}
		if got, err := f.once(t); got != "current" {
			t.Errorf("%s: %s", got, err)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if got, err := f.once(t); got != "current copy-written" {
			t.Errorf("removed: %s: %s", got, err)
		}
		next := follow(t, p, func(c *Config) { c.File = filepath.Join(folder, "copy") })
		if next.load(); len(next.published) != 1 || len(f.published) != 1 {
			t.Errorf("%d, %d lists were published", len(next.published), len(f.published))
		}
	}
}

// TestAListCalledUnchangedIsDownloadedIfItsETagChanged has a server that answers 304 to
// any condition, as the server of a large publisher did, and two spellings of the same
// tag.
func TestAListCalledUnchangedIsDownloadedIfItsETagChanged(t *testing.T) {
	for tag, want := range map[string]string{`"b"`: "loaded", `W/"b"`: "loaded", `"a"`: "current", `W/"a"`: "current", `"a-gzip"`: "current", `"a;gzip"`: "current", "": "current"} {
		p := publish(t)
		f := follow(t, p, nil)
		text := first
		p.set(func(w http.ResponseWriter, r *http.Request) {
			if w.Header().Set("ETag", `"a"`); text != first {
				w.Header().Set("ETag", tag)
			}
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			io.WriteString(w, text)
		})
		if got, err := f.once(t); got != "loaded" {
			t.Fatalf("%s: %s", got, err)
		}
		text = second
		if got, err := f.once(t); got != want {
			t.Errorf("%s: got %s, want %s: %s", tag, got, want, err)
		}
		if got, err := f.once(t); got != "current" {
			t.Errorf("%s, again: %s: %s", tag, got, err)
		}
	}
}

func TestAnETagThatIsTooLongIsNotKept(t *testing.T) {
	for _, tag := range []string{`"` + strings.Repeat("t", 5000) + `"`, `"` + strings.Repeat("\x01", 500) + `"`} {
		line, err := mark{ETag: tag, Sum: digestOf("")}.head()
		if err != nil || len(line) != headSize {
			t.Fatalf("%d octets, %v", len(line), err)
		}
		if m, err := parseHead(line); err != nil || m.Sum != digestOf("") || m.ETag != "" && m.ETag != tag {
			t.Errorf("got %v, %v", m, err)
		}
	}
}

func TestOnlyTheConfiguredServerIsTrusted(t *testing.T) {
	p := publish(t)
	p.set(plain(first))
	pin := pinOf(p)
	other := base64(make([]byte, 32))
	for name, c := range map[string]struct {
		trust outbound.Trust
		want  string
	}{
		"the system's CAs":           {outbound.Trust{}, "bad-certificate"},
		"its CA":                     {outbound.Trust{CA: p.ca(t)}, "loaded"},
		"its key":                    {outbound.Trust{Pins: pin}, "loaded"},
		"its key among others":       {outbound.Trust{Pins: other + " " + pin}, "loaded"},
		"another key":                {outbound.Trust{Pins: other}, "bad-certificate"},
		"its CA, another key":        {outbound.Trust{CA: p.ca(t), Pins: other}, "bad-certificate"},
		"its CA and its key":         {outbound.Trust{CA: p.ca(t), Pins: pin}, "loaded"},
		"another name, with its key": {outbound.Trust{CA: p.ca(t), Pins: pin, Name: "lists.invalid"}, "bad-certificate"},
		"a missing CA file":          {outbound.Trust{CA: "nowhere.pem"}, "bad-certificate"},
	} {
		f := follow(t, p, func(cfg *Config) { cfg.Trust = c.trust })
		if got, err := f.once(t); got != c.want {
			t.Errorf("%s: got %s, want %s: %s", name, got, c.want, err)
		}
	}
}

func TestAListIsRequestedFromTheSourceAddress(t *testing.T) {
	p := publish(t)
	var from atomic.Pointer[string]
	p.set(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		from.Store(&host)
		plain(first)(w, r)
	})
	_, port, _ := net.SplitHostPort(p.Listener.Addr().String())
	for name, c := range map[string]struct {
		host    string
		sources []string
		want    string
	}{
		"by address":        {"127.0.0.1", []string{"127.0.0.9"}, "loaded"},
		"by name":           {"localhost", []string{"127.0.0.10"}, "loaded"},
		"by name, with two": {"localhost", []string{"::1", "127.0.0.11"}, "loaded"},
		"no such family":    {"127.0.0.1", []string{"::1"}, "unreachable"},
		"not local":         {"127.0.0.1", []string{"192.0.2.1"}, "unreachable"},
	} {
		f := follow(t, p, func(cfg *Config) {
			cfg.URL, cfg.Trust = "https://"+net.JoinHostPort(c.host, port)+"/", outbound.Trust{Pins: pinOf(p)}
			for _, s := range c.sources {
				a := netip.MustParseAddr(s)
				if a.Is4() {
					cfg.Sources.V4 = a
				} else {
					cfg.Sources.V6 = a
				}
			}
		})
		got, err := f.once(t)
		if got != c.want || got == "loaded" && !slices.Contains(c.sources, *from.Load()) {
			t.Errorf("%s: %s from %s: %s", name, got, *from.Load(), err)
		}
	}
}

func TestAnInvalidURLIsRefused(t *testing.T) {
	for word, text := range map[string]string{
		"scheme": "http://lists.example/a", "no host": "https:///a", "fragment": "https://lists.example/a#b", "cannot be parsed": "https://lists.example/%zz",
		"port 65536": "https://lists.example:65536/a", "port 0": "https://lists.example:0/a",
	} {
		if _, err := ParseURL(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", text, err)
		}
		for _, c := range []Config{{URL: text, Refresh: time.Hour}, {URL: "https://lists.example/", Checksum: text, Refresh: time.Hour}} {
			if _, err := New(c, nil, nil); err == nil {
				t.Errorf("%v is accepted", c)
			}
		}
	}
	for _, refresh := range []time.Duration{0, time.Second, 30 * 24 * time.Hour} {
		if _, err := New(Config{URL: "https://lists.example/", Refresh: refresh}, nil, nil); err == nil {
			t.Errorf("%s is accepted", refresh)
		}
	}
}

func TestARequestEndsWithItsContext(t *testing.T) {
	p := publish(t)
	begun, over := make(chan struct{}), make(chan struct{})
	p.set(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, first)
		w.(http.Flusher).Flush()
		close(begun)
		<-over
	})
	f := follow(t, p, func(c *Config) { c.File = filepath.Join(t.TempDir(), "copy") })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); f.Run(ctx) }()
	<-begun
	cancel()
	<-ended
	close(over)
	if len(f.published) != 0 || len(f.events) != 0 {
		t.Errorf("got %v, %v", f.published, f.events)
	}
	if files, _ := filepath.Glob(f.config.File + "*"); len(files) != 0 {
		t.Errorf("files left: %v", files)
	}
}
