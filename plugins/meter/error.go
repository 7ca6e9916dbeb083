package meter

import (
	"fmt"
	"strings"
)

// Error is a refusal: what was found where, and which rule it breaks.
type Error struct {
	Offset  int    // of the offending bytes in the file
	Section string // "code", "import", ...; "module" for the file as a whole
	Rule    string // the rule that is broken, in words
	Found   any    // what was found; nil when Rule says it all
	Limit   any    // what is allowed; nil when there is no number to it
	Name    string // the field of Limits that sets Limit, "" when none does
}

// Error returns one line, such as
// "wasm: code section, offset 0x2c: too many locals in function 7: found 4294967295, limit 10000 (LocalsPerFunction)".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("wasm: " + e.Section)
	if e.Section != sectionModule {
		b.WriteString(" section")
	}
	fmt.Fprintf(&b, ", offset %#x: %s", e.Offset, e.Rule)
	if e.Found != nil {
		fmt.Fprintf(&b, ": found %v", e.Found)
	}
	if e.Limit != nil {
		fmt.Fprintf(&b, ", limit %v", e.Limit)
	}
	if e.Name != "" {
		b.WriteString(" (" + e.Name + ")")
	}
	return b.String()
}

// hex shows a byte or opcode in an Error as the specification writes it.
type hex uint32

func (h hex) String() string { return fmt.Sprintf("0x%02x", uint32(h)) }
