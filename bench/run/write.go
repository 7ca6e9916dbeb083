package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/infinirouter/infinirouter/bench/peer"
	"github.com/infinirouter/infinirouter/bench/report"
	"github.com/infinirouter/infinirouter/bench/scenarios"
)

// write writes the report in all its forms, and to the terminal.
func (o options) write(r *report.Report, against *report.Comparison) error {
	if err := os.MkdirAll(o.out, 0o777); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(o.out, name) }
	if o.render == "" {
		if err := r.Write(at("report.json")); err != nil {
			return err
		}
	}
	var md, page bytes.Buffer
	if err := r.Markdown(&md, 2, against); err != nil {
		return err
	}
	if err := r.HTML(&page, against); err != nil {
		return err
	}
	err := errors.Join(
		os.WriteFile(at("report.md"), md.Bytes(), 0o666),
		os.WriteFile(at("report.html"), page.Bytes(), 0o666))
	if err != nil {
		return err
	}
	if o.readme != "" {
		if err := replaceSection(o.readme, r, against); err != nil {
			return err
		}
	}
	if _, err := os.Stdout.Write(md.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "\nreport: %s, with plots: %s\n", at("report.md"), at("report.html"))
	for _, m := range r.Missing {
		fmt.Fprintf(os.Stderr, "not measured: %s: %s\n", m.Name, m.Reason)
	}
	return nil
}

// The lines between which a README has its report.
const (
	sectionBegin = "<!-- report: written by -readme -->\n"
	sectionEnd   = "<!-- end of report -->\n"
)

// replaceSection puts the report into a README.
func replaceSection(path string, r *report.Report, against *report.Comparison) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(sectionBegin))
	_, after, ends := bytes.Cut(rest, []byte(sectionEnd))
	if !found || !ends {
		return fmt.Errorf("%s has no %q and %q", path, sectionBegin, sectionEnd)
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(sectionBegin + "\n")
	if err := r.Markdown(&out, 3, against); err != nil {
		return err
	}
	out.WriteString("\n" + sectionEnd)
	out.Write(after)
	return os.WriteFile(path, out.Bytes(), 0o666)
}

// list prints what there is to measure.
func list() error {
	all, err := scenarios.Load()
	if err != nil {
		return err
	}
	fmt.Println("scenarios:")
	for _, s := range all {
		fmt.Printf("  %-12s %s\n", s.Name, summary(s))
	}
	fmt.Printf("\ntargets:\n  %-12s %s\n", peer.Direct, "the service, nothing in between")
	for _, p := range peer.Known() {
		note := ""
		if !p.Built() {
			if _, err := p.Find(peer.Programs{}); err != nil {
				note = " (" + err.Error() + ")"
			}
		}
		fmt.Printf("  %-12s %s%s\n", p.Name, p.Title, note)
	}
	return nil
}
