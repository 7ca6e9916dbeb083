package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/bytedance/sonic"
)

// The comparison side of every benchmark runs beside it: read ratios.

var sizes = []struct {
	name string
	n    int
}{{"1KB", 1 << 10}, {"100KB", 100 << 10}, {"1MB", 1 << 20}}

// chatBody is a chat request of about n bytes: prose with the odd escape, a turn
// of which is about turn bytes long.
func chatBody(n, turn int, prose string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"model":"Qwen3-32B","temperature":0.7,"top_p":0.95,"max_tokens":512,"stream":true,"messages":[`)
	for i := 0; b.Len() < n; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"role":"user","content":"`)
		for from := b.Len(); b.Len()-from < min(turn, n) && b.Len() < n; {
			b.WriteString(prose)
		}
		b.WriteString(`"}`)
	}
	b.WriteString(`],"user":"u-1"}`)
	return b.Bytes()
}

const (
	english = `The quick brown fox jumps over the lazy dog, and then it does so again, for want of anything better to do.\n`
	chinese = `路由器把请求转发给健康的服务，`
	nested  = `{\"role\": \"user\", \"content\": \"the word \\\"quoted\\\" in quotes\"},\n`
)

var shapes = []struct {
	name  string
	turn  int
	prose string
}{{"english", 2000, english}, {"chinese", 2000, chinese}, {"nested", 2000, nested}, {"short", 40, "Yes, please. "}}

func BenchmarkParse(b *testing.B) {
	for _, shape := range shapes {
		for _, size := range sizes {
			body := chatBody(size.n, shape.turn, shape.prose)
			name := shape.name + "/" + size.name
			b.Run(name+"/document", func(b *testing.B) {
				var d Document
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if err := d.Parse(body, Limits{}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/document-cold", func(b *testing.B) { // no body in the near caches
				var d Document
				bodies := bytes.Repeat(body, 32<<20/len(body))
				b.SetBytes(int64(len(body)))
				for i := 0; b.Loop(); i = (i + len(body)) % len(bodies) {
					if err := d.Parse(bodies[i:i+len(body)], Limits{}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/skip", func(b *testing.B) { // one lax walk, no index
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if skipContainer(body, 0) != len(body) {
						b.Fatal("skip")
					}
				}
			})
			b.Run(name+"/sonic", func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					var v struct{ Model string }
					if err := sonic.Unmarshal(body, &v); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/encoding-json", func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if !json.Valid(body) {
						b.Fatal("valid")
					}
				}
			})
		}
	}
}

func BenchmarkAlias(b *testing.B) {
	path, model := []byte("/model"), []byte("some-other-model")
	for _, size := range sizes {
		body := chatBody(size.n, 2000, english)
		b.Run(size.name+"/document", func(b *testing.B) {
			var d Document
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Parse(body, Limits{}); err != nil {
					b.Fatal(err)
				}
				if err := d.SetString(path, model); err != nil {
					b.Fatal(err)
				}
				if len(d.Bytes()) <= len(body) {
					b.Fatal("bytes")
				}
			}
		})
		b.Run(size.name+"/sonic", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var v map[string]any
				if err := sonic.Unmarshal(body, &v); err != nil {
					b.Fatal(err)
				}
				v["model"] = string(model)
				if _, err := sonic.Marshal(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNested(b *testing.B) {
	body := chatBody(100<<10, 2000, english)
	var d Document
	if err := d.Parse(body, Limits{}); err != nil {
		b.Fatal(err)
	}
	for _, i := range []int{0, 40} {
		path := fmt.Appendf(nil, "/messages/%d/role", i)
		b.Run(fmt.Sprint("get", i), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Get(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLastEventEnd(b *testing.B) {
	event := []byte(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"}}]}` + "\n\n")
	for _, tt := range []struct {
		name  string
		chunk []byte
	}{
		{"whole", bytes.Repeat(event, 20)},
		{"cut", bytes.Repeat(event, 20)[:20*len(event)-30]},
	} {
		b.Run(tt.name+"/event-end", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if LastEventEnd(tt.chunk) == 0 {
					b.Fatal("none")
				}
			}
		})
		b.Run(tt.name+"/bytes-lastindex", func(b *testing.B) {
			for b.Loop() {
				if bytes.LastIndex(tt.chunk, []byte("\n\n")) < 0 {
					b.Fatal("none")
				}
			}
		})
	}
}

func BenchmarkParseUsage(b *testing.B) {
	for _, tt := range []struct {
		name, json string
		ok         bool
	}{
		{"without", `{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"}}]}`, false},
		{"with", `{"id":"chatcmpl-1","choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}`, true},
	} {
		data := []byte(tt.json)
		b.Run(tt.name+"/parse", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := ParseUsage(data); ok != tt.ok {
					b.Fatal("usage")
				}
			}
		})
		b.Run(tt.name+"/sonic", func(b *testing.B) {
			for b.Loop() {
				var v struct {
					Usage *struct {
						In  int64 `json:"prompt_tokens"`
						Out int64 `json:"completion_tokens"`
					}
				}
				if err := sonic.Unmarshal(data, &v); err != nil || (v.Usage != nil) != tt.ok {
					b.Fatal("usage")
				}
			}
		})
	}
}
