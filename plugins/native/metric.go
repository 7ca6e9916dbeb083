package native

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

const maxMetricPart = 64 // bytes of a name, a label and a label's value

func metricAdd(c *Call, s []uint64) {
	name, value := c.view(s[0], s[1]), math.Float64frombits(s[2])
	if !c.validMetric(name) || math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		s[0] = result(abi.Malformed)
		return
	}
	if c.policy.Metrics != nil {
		c.policy.Metrics.PolicyMetricAdd(c.policy.Name, c.metricName(name), value)
	}
	s[0] = 0
}

// validMetric is validMetric but for the name that was valid last: most
// policies count one thing only.
func (c *Call) validMetric(name []byte) bool {
	if len(name) > 0 && string(name) == string(c.counter) {
		return true
	}
	if !validMetric(name) {
		return false
	}
	c.counter = append(c.counter[:0], name...)
	return true
}

// metricName returns name as a string; each instance remembers those that it
// has met, so that counting allocates nothing.
func (c *Call) metricName(name []byte) string {
	if s, ok := c.names[string(name)]; ok {
		return s
	}
	s := string(name)
	if len(c.names) < maxNames {
		c.names[s] = s
	}
	return s
}

// validMetric reports `name` or `name;label=value`.
func validMetric(metric []byte) bool {
	name, rest, labelled := bytes.Cut(metric, semicolon)
	if !validMetricWord(name) {
		return false
	}
	if !labelled {
		return true
	}
	label, value, ok := bytes.Cut(rest, equals)
	return ok && validMetricWord(label) && validMetricValue(value)
}

var semicolon, equals = []byte{';'}, []byte{'='}

func validMetricWord(word []byte) bool {
	if len(word) == 0 || len(word) > maxMetricPart {
		return false
	}
	for _, b := range word {
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '_') {
			return false
		}
	}
	return true
}

func validMetricValue(value []byte) bool {
	if len(value) == 0 || len(value) > maxMetricPart {
		return false
	}
	for len(value) > 0 {
		r, n := utf8.DecodeRune(value)
		if r == utf8.RuneError && n == 1 || !strconv.IsPrint(r) {
			return false
		}
		value = value[n:]
	}
	return true
}
