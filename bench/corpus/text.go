package corpus

import (
	"math/rand/v2"
)

// plain, scripts and escaped are what messages are made of, as it stands inside
// a JSON string. Each sentence ends so that another can follow.
var (
	plain = []string{
		"Could you go through the figures for March once more and say what changed? ",
		"The deployment went out on Tuesday and the error rate has been flat since then. ",
		"Please keep the summary short, five lines at most, and leave out the names. ",
		"I tried the second variant as well, but it gave the same result on both machines. ",
		"Here is the relevant part of the log, the rest looks the same as yesterday. ",
		"A customer asks whether the invoice can be split over two cost centres. ",
		"First the tokens are grouped, then each group is scored and the best one is kept. ",
		"That makes sense; what would happen if the cache were twice as large? ",
		"The short version: it works, it is slower than we hoped, and we know why. ",
		"List the three most likely causes and how each of them could be ruled out. ",
		"Write it as a table with one row per region and the totals at the bottom. ",
		"We agreed to look at this again after the holidays, when everybody is back. ",
	}
	scripts = []string{
		"请把这段话翻译成英文,并保留原来的语气。",
		"今天的会议改到下午三点,请通知所有人。",
		"Könnten Sie die Größenordnung der Übertragung bitte noch einmal prüfen? ",
		"Пожалуйста, сократите текст до трёх предложений. ",
		"この関数は何を返しますか?例を一つ挙げてください。",
		"Où est passée la dernière version du rapport, s’il vous plaît? ",
		"यह वाक्य थोड़ा लंबा है, कृपया इसे छोटा करें। ",
		"좋은 아침입니다 🌅 오늘 일정을 정리해 주세요. ",
		"Tack så mycket! 👍🏽 Det räcker för i dag 🙂 ",
	}
	escaped = []string{
		`She said \"no\", and then \"maybe\".\n`,
		`C:\\data\\2024\\run_07.csv\t12\t0.5\n`,
		`{\"role\": \"user\", \"content\": \"a \\\"quoted\\\" word\"}\n`,
		`\u201cWhy?\u201d \u2014 caf\u00e9, na\u00efve, \ud83d\ude42\n`,
		"```go\\nfmt.Printf(\\\"%s\\\\n\\\", name)\\n```\\n",
		`if (a\/b > 1) { return \"\\t\"; }\r\n`,
		`^\\s*\"([^\"\\\\]|\\\\.)*\"\\s*$\n`,
	}
)

// sentences returns what bodies of a kind are made of.
func (k Kind) sentences() []string {
	switch k {
	case UTF8:
		return scripts
	case Escapes:
		return escaped
	}
	return plain
}

// appendText appends exactly n bytes of text.
func appendText(b []byte, r *rand.Rand, sentences []string, n int) []byte {
	for {
		s := sentences[r.IntN(len(sentences))]
		if len(s) > n {
			return appendFill(b, n)
		}
		b, n = append(b, s...), n-len(s)
	}
}

// appendFill appends n bytes that can stand in any string.
func appendFill(b []byte, n int) []byte {
	const fill = "and so on, and "
	for n > 0 {
		m := min(n, len(fill))
		b, n = append(b, fill[:m]...), n-m
	}
	return b
}
