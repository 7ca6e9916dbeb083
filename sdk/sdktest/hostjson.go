package sdktest

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// access is what a function does with a path.
type access uint8

const (
	reading access = iota
	writing
	removing
)

// document returns the hook's document, or why the path may not be used in it.
func (h *host) document(path string, use access) (*Document, int32) {
	if !h.in() {
		return nil, abi.NotAllowed
	}
	d := h.x.Document()
	switch {
	case d == nil:
		return nil, abi.Absent
	case !h.has(abi.GrantContent) && !openPath(h.x.stage, path, use):
		return nil, abi.NotAllowed
	}
	return d, 0
}

// openPath reports whether a policy without the grant content may use path: in
// a request top-level members under which no prompt travels, elsewhere the
// model's name.
func openPath(stage abi.Hook, path string, use access) bool {
	if stage > abi.OnRoute {
		return use != removing && (path == "/model" || path == "/message/model" || path == "/response/model")
	}
	if len(path) < 2 || path[0] != '/' || strings.Contains(path[1:], "/") {
		return false
	}
	switch path[1:] {
	case "messages", "prompt", "input", "instructions", "system":
		return false
	}
	return true
}

// openValue reports whether it may see or write a value.
func openValue(raw string) bool {
	raw = strings.Trim(raw, " \t\r\n")
	switch {
	case raw == "":
		return true // not JSON, and refused as such
	case raw[0] == '{' || raw[0] == '[':
		return false
	case raw[0] == '"':
		return len(raw) <= openStringLen+2
	}
	return true
}

// read returns the raw JSON at path if the policy may see it.
func (h *host) read(path string) ([]byte, int32) {
	d, c := h.document(path, reading)
	if c != 0 {
		return nil, c
	}
	raw, err := d.Get([]byte(path))
	if err != nil {
		return nil, code(err)
	}
	if !h.has(abi.GrantContent) && !openValue(string(raw)) {
		return nil, abi.NotAllowed
	}
	return raw, 0
}

// write makes an edit that the policy may make; raw is its value as JSON.
func (h *host) write(path, raw string, put func(*Document) error) int32 {
	d, c := h.document(path, writing)
	switch {
	case c != 0:
		return c
	case !h.has(abi.GrantContent) && !openValue(raw):
		return abi.NotAllowed
	}
	h.edit()
	return code(put(d))
}

func (h *host) JSONGet(path string, room []byte) int32 {
	raw, c := h.read(path)
	if c != 0 {
		return c
	}
	return give(raw, room)
}

func (h *host) JSONSet(path, value string) int32 {
	return h.write(path, value, func(d *Document) error { return d.Set([]byte(path), []byte(value)) })
}

func (h *host) JSONRemove(path string) int32 {
	d, c := h.document(path, removing)
	if c != 0 {
		return c
	}
	h.edit()
	return code(d.Remove([]byte(path)))
}

func (h *host) JSONNumber(path string) float64 {
	d, c := h.document(path, reading)
	if c != 0 {
		return math.NaN()
	}
	f, err := d.GetNumber([]byte(path))
	if err != nil {
		return math.NaN()
	}
	return f
}

// JSONNumbers answers each path as JSONNumber does, and says why not.
func (h *host) JSONNumbers(paths string, room []byte) int32 {
	if !h.in() {
		return abi.NotAllowed
	}
	if paths == "" {
		return 0
	}
	var records []byte
	for _, path := range strings.Split(paths, "\x00") {
		f, c := h.JSONNumber(path), int32(0)
		if math.IsNaN(f) {
			f, c = 0, abi.Malformed
			if _, why := h.read(path); why != 0 {
				c = why
			}
		}
		records = binary.LittleEndian.AppendUint64(records, math.Float64bits(f))
		records = binary.LittleEndian.AppendUint64(records, uint64(uint32(c)))
	}
	return give(records, room)
}

func (h *host) JSONSetNumber(path string, value float64) int32 {
	return h.write(path, "0", func(d *Document) error { return d.SetNumber([]byte(path), value) })
}

func (h *host) JSONString(path string, room []byte) int32 {
	if _, c := h.read(path); c != 0 {
		return c
	}
	text, err := h.x.Document().AppendString(nil, []byte(path))
	if err != nil {
		return code(err)
	}
	return give(text, room)
}

func (h *host) JSONSetString(path, text string) int32 {
	return h.write(path, string(sdk.AppendQuoted(nil, text)), func(d *Document) error {
		return d.SetString([]byte(path), []byte(text))
	})
}
