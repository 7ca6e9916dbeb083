package service

import (
	"hash/fnv"
	"strings"
	"unicode/utf8"
)

// sentences are what a reply is made of.
var sentences = [][]string{
	words("The short answer is that it depends on what you measure."),
	words("Start with the smallest case that still shows the problem."),
	words("A queue hides a slow worker until the queue is full."),
	words("Once the cache is warm, most of the time goes into copying."),
	words("Two numbers help here: how many arrive, and how long each one stays."),
	words("I would write the test first, because it tells you when to stop."),
	words("Nothing in the question says that the order matters, so let it go."),
	words("Longer prompts cost time before the first word; longer answers cost it after."),
	words("In practice a limit that nobody can name is a limit that nobody can raise."),
	words("Take the mean with care, since the slow tail is what people remember."),
	words("If both answers look right, prefer the one that is easier to undo."),
	words("Rivers, roads and networks share this habit: the narrowest part decides."),
	words("You can try it on paper with three boxes and four arrows."),
	words("That leaves one open point, and it is a matter of taste."),
	words("The same idea works for memory, with pages in the place of tokens."),
	words("Say it in one sentence, and then remove the sentence before it."),
}

// words splits text into tokens as a model's tokenizer might: each keeps the
// space before it.
func words(text string) []string {
	fields := strings.Fields(text)
	for i := range fields {
		if i > 0 {
			fields[i] = " " + fields[i]
		}
	}
	return fields
}

// generate returns n tokens of text that depend on the arguments alone.
func generate(model, prompt string, seed uint64, n int) []string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(model))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(prompt))
	state := h.Sum64() ^ seed*0x9e3779b97f4a7c15
	out := make([]string, 0, n)
	for len(out) < n {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		for i, w := range sentences[state>>32%uint64(len(sentences))] {
			if i == 0 && len(out) > 0 {
				w = " " + w
			}
			if len(out) < n {
				out = append(out, w)
			}
		}
		if state == 0 {
			state = 1
		}
	}
	return out
}

// countTokens is about what a tokenizer makes of text: four bytes a token.
func countTokens(text string) int { return (len(text) + 3) / 4 }

// tokenize gives text a reversible numbering: its code points.
func tokenize(text string) []int {
	ids := make([]int, 0, utf8.RuneCountInString(text))
	for _, r := range text {
		ids = append(ids, int(r))
	}
	return ids
}

func untokenize(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteRune(rune(id))
	}
	return b.String()
}
