package forward

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/host/wire"
)

// decodeIn runs the decoder over src, given in pieces, with room for a few
// bytes at a time.
func decodeIn(d *decoder, src []byte, piece, room int) (body []byte, used int, err error) {
	dst := make([]byte, room)
	for have := 0; !d.done(); {
		u, n, err := d.decode(dst, src[used:have])
		used += u
		body = append(body, dst[:n]...)
		if err != nil {
			return body, used, err
		}
		if u == 0 && n == 0 {
			if have == len(src) {
				return body, used, io.ErrUnexpectedEOF
			}
			have = min(have+piece, len(src))
		}
	}
	return body, used, nil
}

// chunksReference is what chunked framing means, written for reading: lines,
// whole, from the front.
func chunksReference(src string) (body string, used int, ok bool) {
	all := src
	line := func() (string, bool) {
		l, rest, found := strings.Cut(src, "\r\n")
		if !found || strings.ContainsAny(l, "\r\n") {
			return "", false
		}
		for _, c := range []byte(l) {
			if c < ' ' && c != '\t' || c == 0x7f {
				return "", false
			}
		}
		src = rest
		return l, true
	}
	for {
		l, found := line()
		if !found || len(l)+2 > maxChunkLine {
			return "", 0, false
		}
		size, _, _ := strings.Cut(l, ";")
		size = strings.TrimRight(size, " \t")
		if size == "" || len(size) > maxHexDigits || strings.ContainsAny(size, "+-_xX ") {
			return "", 0, false
		}
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil {
			return "", 0, false
		}
		if n == 0 {
			break
		}
		if int64(len(src)) < n+2 || src[n:n+2] != "\r\n" {
			return "", 0, false
		}
		body += src[:n]
		src = src[n+2:]
	}
	start := len(src)
	for {
		l, found := line()
		if !found || start-len(src) > maxTrailers {
			return "", 0, false
		}
		if l == "" {
			return body, len(all) - len(src), true
		}
		if name, _, colon := strings.Cut(l, ":"); !colon || !wire.IsName([]byte(name)) {
			return "", 0, false
		}
	}
}

func FuzzChunks(f *testing.F) {
	for _, c := range wireCases {
		if _, body, ok := strings.Cut(c.wire, te+blank); ok {
			f.Add([]byte(body), uint8(3), uint8(5))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, piece, room uint8) {
		want, wantUsed, ok := chunksReference(string(src))
		for _, p := range []int{len(src) + 1, int(piece) + 1, 1} {
			d := decoder{framing: byChunks}
			body, used, err := decodeIn(&d, src, p, int(room)+1)
			if (err == nil) != ok {
				t.Fatalf("pieces of %d: got %v, reference says %v", p, err, ok)
			}
			if ok && (string(body) != want || used != wantUsed) {
				t.Fatalf("pieces of %d: got %q and %d used, reference says %q and %d", p, body, used, want, wantUsed)
			}
		}
	})
}

// otherTaste reports whether there is a field over which net/http is the
// stricter one: a Content-Length of several equal values, which RFC 9110 allows,
// or a Trailer, which this package has no use for.
func otherTaste(h *replyHead) bool {
	for rest := h.fields; len(rest) > 0; {
		name, value, next, _ := nextField(rest)
		if fieldOf(name) == contentLength && bytes.IndexByte(value, ',') >= 0 || wire.EqualFold(name, "trailer") {
			return true
		}
		rest = next
	}
	return false
}

// FuzzHead: whatever this parser takes for a reply, net/http's, which is more
// lenient, takes for the same reply.
func FuzzHead(f *testing.F) {
	for _, c := range wireCases {
		f.Add([]byte(c.wire))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		scan := 0
		n, err := headEnd(src, &scan)
		if err != nil || n == 0 || len(src) > 8<<10 { // net/http bounds chunk extensions by their sum
			return
		}
		for cut := range n { // an earlier look must not find an end, nor spoil the scan
			scan := 0
			if m, err := headEnd(src[:cut], &scan); m != 0 || err != nil && cut < n {
				t.Fatalf("%d of %d bytes: %d, %v", cut, n, m, err)
			}
			if m, err := headEnd(src, &scan); m != n || err != nil {
				t.Fatalf("going on after %d bytes: %d, %v; want %d", cut, m, err, n)
			}
		}
		var h replyHead
		if h.parse(src[:n]) != nil || h.status < 200 || otherTaste(&h) {
			return
		}
		want, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(src)), nil)
		if err != nil {
			t.Fatalf("%q: taken, but net/http says %v", src[:n], err)
		}
		if want.StatusCode != h.status {
			t.Fatalf("status %d, net/http says %d", h.status, want.StatusCode)
		}
		d := h.framing(false)
		body, _, err := decodeIn(&d, src[n:], len(src), 1000)
		if d.framing == byClose {
			err = nil
		}
		wantBody, wantErr := io.ReadAll(want.Body)
		if err == nil && (wantErr != nil || !bytes.Equal(body, wantBody)) {
			t.Fatalf("%q: body %q, net/http says %q, %v", src[:n], body, wantBody, wantErr)
		}
	})
}
