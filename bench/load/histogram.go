package load

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram is a distribution of durations, from 1 ns to an hour, to three
// significant digits. It is not safe for concurrent use.
type Histogram struct{ h *hdrhistogram.Histogram }

// longest is the highest duration that is told apart.
const longest = time.Hour

// NewHistogram returns an empty one.
func NewHistogram() *Histogram { return &Histogram{hdrhistogram.New(1, int64(longest), 3)} }

// Record adds one duration; what is outside of the range counts as its end.
func (h *Histogram) Record(d time.Duration) {
	_ = h.h.RecordValue(int64(min(max(d, 0), longest))) // within the range
}

// Count returns how many were recorded.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Quantile returns the duration that a share q, 0 to 1, of all is not above,
// to three digits; 0 when there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	return time.Duration(h.h.ValueAtPercentile(q * 100))
}

// Mean returns the mean, 0 when there is none.
func (h *Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.Mean())
}

// Min returns the shortest, to three digits, 0 when there is none.
func (h *Histogram) Min() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.Min())
}

// Max returns the longest, to three digits.
func (h *Histogram) Max() time.Duration { return time.Duration(h.h.Max()) }

// StdDev returns the standard deviation.
func (h *Histogram) StdDev() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.StdDev())
}

// Merge adds o to h.
func (h *Histogram) Merge(o *Histogram) { h.h.Merge(o.h) }

// histogramJSON is how a Histogram is written.
type histogramJSON struct {
	Count int64  `json:"count"`
	Mean  int64  `json:"mean_ns"`
	Min   int64  `json:"min_ns"`
	P50   int64  `json:"p50_ns"`
	P90   int64  `json:"p90_ns"`
	P99   int64  `json:"p99_ns"`
	P999  int64  `json:"p99_9_ns"`
	Max   int64  `json:"max_ns"`
	HDR   string `json:"hdr"`
}

// MarshalJSON writes figures to read, in nanoseconds, and the whole in
// HdrHistogram's V2 compressed encoding, which other tools read.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	encoded, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	at := func(q float64) int64 { return int64(h.Quantile(q)) }
	return json.Marshal(histogramJSON{
		Count: h.Count(), Mean: int64(h.Mean()), Min: int64(h.Min()), P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999),
		Max: int64(h.Max()), HDR: string(encoded),
	})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var from histogramJSON
	if err := json.Unmarshal(b, &from); err != nil {
		return err
	}
	decoded, err := hdrhistogram.Decode([]byte(from.HDR))
	if err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	h.h = decoded
	return nil
}
