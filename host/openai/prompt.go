package openai

import (
	"bytes"
	"unicode/utf8"
)

// counts are figures of the document as it is, taken when first asked for.
type counts struct {
	messages, chars                 int
	messagesCounted, promptsCounted bool
}

var promptNames = [...][]byte{[]byte("messages"), []byte("prompt"), []byte("input")}

// MessageCount returns how many entries "messages" has, -1 if it is no array.
func (d *Document) MessageCount() int {
	c := &d.counts
	if !c.messagesCounted {
		c.messagesCounted, c.messages = true, -1
		if m := d.lookup(promptNames[0]); m != nil && m.value[0] == '[' {
			c.messages = 0
			for w := walkArray(m.value); w.next(); {
				c.messages++
			}
		}
	}
	return c.messages
}

// PromptChars returns how many characters (code points) of text the request
// asks about: strings in "prompt" and "input", "content" in their entries and
// those of "messages", and "text" in the parts of a content; -1 if the request
// has none of the three. Images and other data do not count.
func (d *Document) PromptChars() int {
	c := &d.counts
	if !c.promptsCounted {
		c.promptsCounted, c.chars = true, -1
		for _, name := range promptNames {
			if m := d.lookup(name); m != nil {
				c.chars = max(c.chars, 0) + textChars(m.value, promptLevels)
			}
		}
	}
	return c.chars
}

// promptLevels is how deep text is looked for: messages, entry, content, part,
// and once more content and part, of a tool's result. Each level walks over
// what is below it, so more of them would be work for a hostile body to make.
const promptLevels = 7

// textChars counts the text in a checked value, so many levels deep.
func textChars(v []byte, levels int) (n int) {
	if levels == 0 {
		return 0
	}
	levels--
	switch v[0] {
	case '"':
		return stringChars(v)
	case '[':
		for w := walkArray(v); w.next(); {
			n += textChars(w.value(), levels)
		}
	case '{':
		for w := walkObject(v); w.next(); {
			switch string(v[w.key+1 : w.keyEnd-1]) {
			case "content", "text":
				n += textChars(w.value(), levels)
			}
		}
	}
	return n
}

// stringChars counts the code points of a checked string, given with quotes.
func stringChars(quoted []byte) (n int) {
	s := quoted[1 : len(quoted)-1]
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return n + utf8.RuneCount(s)
		}
		n += utf8.RuneCount(s[:i]) + 1
		s = s[i:]
		switch {
		case s[1] != 'u':
			s = s[2:]
		case len(s) >= 12 && hexRune(s)&^0x3ff == 0xd800 && s[6] == '\\' && s[7] == 'u' && hexRune(s[6:])&^0x3ff == 0xdc00:
			s = s[12:]
		default:
			s = s[6:]
		}
	}
}
