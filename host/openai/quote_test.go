package openai

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestAppendQuoted: every byte between others of every kind, against encoding/json.
func TestAppendQuoted(t *testing.T) {
	around := []string{"", "a", "\x00", "ä", `"`, "twelve chars", strings.Repeat("\n", 9), "\x7f/"}
	for ch := range 256 {
		for _, before := range around {
			for _, after := range around {
				text := before + string([]byte{byte(ch)}) + after
				got := appendQuoted([]byte("x"), []byte(text))
				var back string
				if err := json.Unmarshal(got[1:], &back); err != nil {
					t.Fatalf("%q became %s: %v", text, got, err)
				}
				if want := strings.ToValidUTF8(text, "\ufffd"); back != want || got[0] != 'x' {
					t.Fatalf("%q became %s, which is %q", text, got, back)
				}
				if utf8.ValidString(text) && quotedLen([]byte(text)) != len(got)-1 {
					t.Fatalf("%q: %d bytes expected, %d came", text, quotedLen([]byte(text)), len(got)-1)
				}
			}
		}
	}
}

// TestAppendQuotedInPieces: a character, or what is none, may lie anywhere across
// the border of two pieces.
func TestAppendQuotedInPieces(t *testing.T) {
	for _, unit := range []string{"a", "\n", "ä", "€", "😀", "\xf0\x9f\x98", "\x80", "😀\x80\x80", "€\x80", "\x80😀"} {
		for shift := range 8 {
			text := strings.Repeat("x", shift) + strings.Repeat(unit, 3*pieceQuoted/len(unit))
			var back string
			if err := json.Unmarshal(appendQuoted(nil, []byte(text)), &back); err != nil {
				t.Fatalf("%q, %d: %v", unit, shift, err)
			}
			if back != replaced(text) {
				t.Errorf("%q, %d: another text", unit, shift)
			}
		}
	}
}

// replaced is text with U+FFFD for each byte that is of no character.
func replaced(text string) string { return string([]rune(text)) }

// BenchmarkAppendQuoted is a megabyte of text, and of what all has to be escaped.
func BenchmarkAppendQuoted(b *testing.B) {
	for name, text := range map[string][]byte{
		"text": []byte(strings.Repeat("Plain text, some lines.\n", 1<<20/24)), "escaped": make([]byte, 1<<20), "chinese": []byte(strings.Repeat("你好", 1<<20/6)),
	} {
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_ = quotedLen(text)
				dst = appendQuoted(dst[:0], text)
			}
		})
	}
}
