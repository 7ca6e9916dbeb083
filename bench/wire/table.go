package wire

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// Result is what one router made of the corpus.
type Result struct {
	Name     string
	Missing  string // why it was not run, "" if it was
	Requests []Verdict
	Replies  []Verdict
}

// Run fills r with what the router at addr, in front of s, makes of the corpus.
func (r *Result) Run(ctx context.Context, addr string, s *Service) error {
	requests, replies, err := both()
	if err != nil {
		return err
	}
	for _, side := range []struct {
		cases   []Case
		compare func(string, *Service, *Case) (Verdict, error)
		into    *[]Verdict
	}{{requests, CompareRequest, &r.Requests}, {replies, CompareReply, &r.Replies}} {
		for i := range side.cases {
			if err := ctx.Err(); err != nil {
				return err
			}
			v, err := side.compare(addr, s, &side.cases[i])
			if err != nil {
				return fmt.Errorf("%s: %w", side.cases[i].Name, err)
			}
			*side.into = append(*side.into, v)
		}
		fmt.Fprintf(os.Stderr, "%s: %d cases\n", r.Name, len(side.cases))
	}
	return nil
}

func both() (requests, replies []Case, err error) {
	if requests, err = Requests(); err != nil {
		return nil, nil, err
	}
	replies, err = Replies()
	return requests, replies, err
}

// Summary counts verdicts, as Markdown.
func Summary(results []Result) string {
	var b strings.Builder
	for _, r := range results {
		if r.Missing != "" {
			fmt.Fprintf(&b, "%s was not measured: %s.\n\n", r.Name, r.Missing)
		}
	}
	results = ran(results)
	section(&b, "requests", results, []Class{Refused, Dropped, Waits, Passed, Cut, Unclear, Garbled}, func(r *Result) []Verdict { return r.Requests })
	section(&b, "replies", results, []Class{Right, Failed, Dropped, Marked, Waits, Lenient, Whole, Mixed, Garbled}, func(r *Result) []Verdict { return r.Replies })
	return b.String()
}

func ran(results []Result) (list []Result) {
	for _, r := range results {
		if r.Missing == "" {
			list = append(list, r)
		}
	}
	return list
}

func section(b *strings.Builder, what string, results []Result, classes []Class, of func(*Result) []Verdict) {
	if len(results) == 0 {
		return
	}
	head(b, fmt.Sprintf("%d %s", len(of(&results[0])), what), results)
	for _, class := range classes {
		row, any := "| "+string(class), false
		for i := range results {
			n := 0
			for _, v := range of(&results[i]) {
				if v.Class == class {
					n++
				}
			}
			any = any || n > 0
			row += fmt.Sprintf(" | %d", n)
		}
		if any || class.Bad() {
			b.WriteString(row + " |\n")
		}
	}
	b.WriteByte('\n')
}

func head(b *strings.Builder, first string, results []Result) {
	row, rule := "| "+first, "| ---"
	for _, r := range results {
		row, rule = row+" | "+r.Name, rule+" | ---"
	}
	b.WriteString(row + " |\n" + rule + " |\n")
}

// Table has every case, as Markdown.
func Table(results []Result) string {
	results = ran(results)
	requests, replies, err := both()
	if err != nil || len(results) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("# Every case of the corpus\n\nWritten by `go run ./bench/wire/cmd -table`; [README.md](README.md) says what the words mean.\n")
	rows(&b, "Requests", requests, results, func(r *Result) []Verdict { return r.Requests })
	rows(&b, "Replies", replies, results, func(r *Result) []Verdict { return r.Replies })
	return b.String()
}

func rows(b *strings.Builder, title string, cases []Case, results []Result, of func(*Result) []Verdict) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	head(b, "case", results)
	for i := range cases {
		row := "| " + cases[i].File + "/" + cases[i].Name
		for j := range results {
			v := of(&results[j])[i]
			text := string(v.Class)
			if v.Detail != "" && len(v.Detail) < 40 {
				text += ", " + strings.NewReplacer("|", "\\|", "\n", " ").Replace(v.Detail)
			}
			row += " | " + text
		}
		b.WriteString(row + " |\n")
	}
}
