package corpus

import (
	"fmt"
	"slices"
)

// Kind is what the bodies of a corpus have in common.
type Kind string

// The kinds of corpora.
const (
	Hot     Kind = "hot"     // eight chats, again and again
	Cold    Kind = "cold"    // no two chats begin alike
	Mixed   Kind = "mixed"   // four of five from the hot set, the fifth cold
	Prefix  Kind = "prefix"  // one long system prompt, and after it no two alike
	UTF8    Kind = "utf8"    // as Cold, in scripts of two to four bytes a character
	Escapes Kind = "escapes" // as Cold, full of quotes, backslashes, line ends and \u escapes
)

// Kinds lists all kinds.
var Kinds = []Kind{Hot, Cold, Mixed, Prefix, UTF8, Escapes}

// Options say what a corpus is made of.
type Options struct {
	Kind  Kind
	Seed  uint64
	Bytes int    // exact length of each body, MinBytes to MaxBytes
	Model string // up to 64 bytes
	// Tokens is max_tokens, sent with "ignore_eos": true; 0: neither.
	Tokens int
	Stream bool
}

// What can be asked for in Options.Bytes.
const (
	MinBytes = 512
	MaxBytes = 64 << 20
)

func (o Options) check() error {
	switch {
	case !slices.Contains(Kinds, o.Kind):
		return fmt.Errorf("corpus %q: there are %v", o.Kind, Kinds)
	case o.Bytes < MinBytes || o.Bytes > MaxBytes:
		return fmt.Errorf("corpus: bodies of %d bytes, where %d to %d can be made", o.Bytes, MinBytes, MaxBytes)
	case len(o.Model) > 64:
		return fmt.Errorf("corpus: the model's name has %d bytes, where 64 are the most", len(o.Model))
	}
	return nil
}
