package closed

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Row is a result with the name of what was measured.
type Row struct {
	Name string
	*Result
}

// WriteTable writes results as a table.
func WriteTable(out io.Writer, rows []Row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tscenario\treq/s\tp50 ms\tp99 ms\tfirst byte p50 ms\tp99 ms\tCPU s/1000 req\terrors\t")
	for _, r := range rows {
		cpu := "-"
		if r.CPU > 0 {
			cpu = fmt.Sprintf("%.4f", r.CPUPer1000())
		}
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%s\t%d\t\n", r.Name, r.Scenario, r.Rate(),
			ms(r.Total.ValueAtPercentile(50)), ms(r.Total.ValueAtPercentile(99)),
			ms(r.FirstByte.ValueAtPercentile(50)), ms(r.FirstByte.ValueAtPercentile(99)), cpu, r.ErrorCount())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if text := r.ErrorText(); text != "" {
			fmt.Fprintf(out, "%s, %s: %s\n", r.Name, r.Scenario, text)
		}
	}
	return nil
}

func ms(us int64) float64 { return float64(us) / 1000 }
