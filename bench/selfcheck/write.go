package selfcheck

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Write writes a report for people to read.
func (r *Report) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		verdict := "ok"
		switch {
		case !c.OK && c.Clock:
			verdict = "OFF" // or the machine is busy
		case !c.OK:
			verdict = "WRONG"
		}
		fmt.Fprintf(table, "%s\t%s\twant %s\tfound %s\n", verdict, c.Name, c.Want, c.Found)
	}
	fmt.Fprintln(table)
	us := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Microsecond)) }
	fmt.Fprintln(table, "CPU, us\tservice\traw responder\tgenerator")
	c := r.Costs
	fmt.Fprintf(table, "a request\t%s\t%s\t%s\n", us(c.ServiceRequest), us(c.RawRequest), us(c.GeneratorRequest))
	fmt.Fprintf(table, "an event\t%s\t%s\t%s\n", us(c.ServiceEvent), us(c.RawEvent), us(c.GeneratorEvent))
	if r.Floor != nil {
		fmt.Fprintln(table)
		fmt.Fprintln(table, "floor, us\tp50\tp90\tp99")
		fmt.Fprintf(table, "latency\t%s\t%s\t%s\n", us(r.Floor.Quantile(0.5)), us(r.Floor.Quantile(0.9)), us(r.Floor.Quantile(0.99)))
		fmt.Fprintf(table, "send delay\t%s\t%s\t%s\n", us(r.SendDelay.Quantile(0.5)), us(r.SendDelay.Quantile(0.9)), us(r.SendDelay.Quantile(0.99)))
	}
	return table.Flush()
}
