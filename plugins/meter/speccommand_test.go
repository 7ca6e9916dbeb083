package meter

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// specFile is one file of the specification's test suite, as wast2json writes it.
type specFile struct {
	Commands []specCommand `json:"commands"`
}

// specCommand is one command of a file. Which fields are set depends on Type.
type specCommand struct {
	Type       string      `json:"type"`
	Line       int         `json:"line"`
	Name       string      `json:"name"`
	Filename   string      `json:"filename"`
	As         string      `json:"as"`
	ModuleType string      `json:"module_type"`
	Text       string      `json:"text"`
	Action     specAction  `json:"action"`
	Expected   []specValue `json:"expected"`
}

// specAction calls a function or reads a global of a module, the last one when
// it names none.
type specAction struct {
	Type   string      `json:"type"`
	Module string      `json:"module"`
	Field  string      `json:"field"`
	Args   []specValue `json:"args"`
}

// specValue is an argument or an expected result: its bits in decimal, one
// string for a scalar, one for each lane of a vector.
type specValue struct {
	Type     string          `json:"type"`
	LaneType string          `json:"lane_type"`
	Value    json.RawMessage `json:"value"`
}

// lanes are the value's lanes, one for a scalar, and the width of each in bits.
func (v specValue) lanes() (texts []string, width int, err error) {
	lane := v.Type
	if v.Type == "v128" {
		lane = v.LaneType
		err = json.Unmarshal(v.Value, &texts)
	} else {
		texts = make([]string, 1)
		err = json.Unmarshal(v.Value, &texts[0])
	}
	if err != nil {
		return nil, 0, fmt.Errorf("value %s of type %s: %w", v.Value, v.Type, err)
	}
	width, err = strconv.Atoi(lane[1:])
	if err != nil || width*len(texts) > 128 {
		return nil, 0, fmt.Errorf("value %s of type %s %s", v.Value, v.Type, v.LaneType)
	}
	return texts, width, nil
}

// words returns the value as wazero takes it: one word, two for a vector.
func (v specValue) words() ([]uint64, error) {
	texts, width, err := v.lanes()
	if err != nil {
		return nil, err
	}
	words := make([]uint64, (len(texts)*width+63)/64)
	for i, text := range texts {
		n, err := strconv.ParseUint(text, 10, width)
		if err != nil {
			return nil, err
		}
		words[i*width/64] |= n << (i * width % 64)
	}
	return words, nil
}

// matches reports whether the words of a result are what the suite expects, and
// what is left of them.
func (v specValue) matches(words []uint64) (ok bool, rest []uint64, err error) {
	texts, width, err := v.lanes()
	n := (len(texts)*width + 63) / 64
	if err != nil || len(words) < n {
		return false, nil, err
	}
	ok = true
	for i, text := range texts {
		got := words[i*width/64] >> (i * width % 64) & (math.MaxUint64 >> (64 - width))
		ok = ok && laneMatches(text, width, got)
	}
	return ok, words[n:], nil
}

// laneMatches compares one lane: any canonical NaN is a quiet one without a
// payload, any arithmetic NaN is a quiet one, and the sign of neither matters.
func laneMatches(text string, width int, got uint64) bool {
	quiet, sign := uint64(0x7fc0_0000), uint64(1)<<31
	if width == 64 {
		quiet, sign = 0x7ff8_0000_0000_0000, 1<<63
	}
	switch text {
	case "nan:canonical":
		return got&^sign == quiet
	case "nan:arithmetic":
		return got&quiet == quiet
	}
	n, err := strconv.ParseUint(text, 10, width)
	return err == nil && n == got
}

// resultsMatch reports whether all results are what is expected.
func resultsMatch(expected []specValue, words []uint64) (bool, error) {
	for _, v := range expected {
		ok, rest, err := v.matches(words)
		if !ok || err != nil {
			return false, err
		}
		words = rest
	}
	return len(words) == 0, nil
}

// specTraps says what wazero calls the traps that the suite names. Where
// there are several texts, versions of the suite differ.
var specTraps = map[string]string{
	"out of bounds memory access":   "out of bounds memory access",
	"out of bounds table access":    "invalid table access",
	"undefined":                     "invalid table access",
	"undefined element":             "invalid table access",
	"uninitialized":                 "invalid table access",
	"uninitialized element":         "invalid table access",
	"uninitialized element 2":       "invalid table access",
	"uninitialized element 7":       "invalid table access",
	"indirect call":                 "indirect call type mismatch",
	"indirect call type mismatch":   "indirect call type mismatch",
	"integer overflow":              "integer overflow",
	"integer divide by zero":        "integer divide by zero",
	"invalid conversion to integer": "invalid conversion to integer",
	"unreachable":                   "unreachable",
	"call stack exhausted":          "stack overflow",
}
