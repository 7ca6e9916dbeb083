package openai

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestHugeEditsUseTheSameMemory: documents that are made huge, one after another
// and beside each other, are no work for the collector.
func TestHugeEditsUseTheSameMemory(t *testing.T) {
	if raceEnabled {
		return // a sync.Pool then forgets on purpose
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	text, path := make([]byte, 1_300_000), []byte("/messages/-") // 7.8 MB as JSON
	var docs [2]Document
	edit := func() {
		for i := range docs {
			if err := docs[i].Parse([]byte(`{"messages":[]}`), Limits{}); err != nil {
				t.Fatal(err)
			}
			text[0] = byte(i)
			if err := docs[i].SetString(path, text); err != nil {
				t.Fatal(err)
			}
		}
		for i := range docs {
			if b := docs[i].Bytes(); len(b) != len(`{"messages":[""]}`)+6*len(text) || !bytes.HasPrefix(b, []byte(`{"messages":["\u000`+string(rune('0'+i)))) {
				t.Fatalf("document %d is %.40s, %d bytes", i, b, len(b))
			}
			docs[i].Reset()
		}
	}
	edit()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 10
	for range rounds {
		edit()
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > rounds*4<<20 { // a fifth of what two documents take
		t.Errorf("%d rounds allocated %d bytes", rounds, got)
	}
}

func TestGrown(t *testing.T) {
	small := make([]byte, 5, 10)
	if b := grown(small, 10); &b[:1][0] != &small[0] || len(b) != 0 {
		t.Error("a buffer that is large enough is not used")
	}
	for _, n := range []int{0, 11, keep, keep + 1, 2 * keep, 2*keep + 1} {
		if b := grown(small, n); len(b) != 0 || cap(b) < n || cap(b) > max(2*n, 10) {
			t.Errorf("%d bytes of %d for %d", len(b), cap(b), n)
		}
	}
}
