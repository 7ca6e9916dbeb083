package sdk

import (
	"errors"
	"strconv"
	"strings"
)

// Config is a table of the policy's config. Its methods never fail: a value of
// the wrong kind is noted, with the key's full name, and Err tells them all.
// Err also names every key that nobody asked for, so that a misspelt key is an
// error and not a surprise.
//
// Its strings stay valid for as long as the policy keeps them.
type Config struct {
	table  *value
	path   string // "" or "params.temperature."
	asked  []string
	subs   []*Config
	faults *[]string
}

// ParseConfig reads a config table from its JSON.
func ParseConfig(text string) (*Config, error) {
	p := &parser{text: text}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.next() != 0 {
		return nil, p.fail("something follows the config")
	}
	if v.kind != KindTable {
		return nil, errors.New("config: want a table, have " + v.kind.String())
	}
	return &Config{table: &v, faults: new([]string)}, nil
}

// Keys returns the table's keys as they stand, each once. It asks for none.
func (c *Config) Keys() []string {
	var keys []string
	for i, k := range c.table.keys {
		if c.table.get(k) == &c.table.items[i] {
			keys = append(keys, k)
		}
	}
	return keys
}

// Path returns the full name of a key of this table: "params.top_p.min".
func (c *Config) Path(key string) string { return c.path + key }

// Kind returns the kind of a key's value. It asks for the key.
func (c *Config) Kind(key string) Kind {
	if v := c.ask(key); v != nil {
		return v.kind
	}
	return KindNone
}

// Has reports whether the key is there. It asks for the key.
func (c *Config) Has(key string) bool { return c.ask(key) != nil }

func (c *Config) ask(key string) *value {
	known := false
	for _, k := range c.asked {
		known = known || k == key
	}
	if !known {
		c.asked = append(c.asked, key)
	}
	return c.table.get(key)
}

// want returns the key's value when it is there and of this kind.
func (c *Config) want(key string, kind Kind) *value {
	v := c.ask(key)
	if v == nil {
		return nil
	}
	if v.kind != kind {
		c.Reject(key, "want "+kind.String()+", have "+v.kind.String())
		return nil
	}
	return v
}

// Reject notes what is wrong with a key's value: "want a model's name".
func (c *Config) Reject(key, why string) {
	c.ask(key)
	*c.faults = append(*c.faults, c.path+key+": "+why)
}

// String returns a string, fallback when the key is not there.
func (c *Config) String(key, fallback string) string {
	if v := c.want(key, KindString); v != nil {
		return v.text
	}
	return fallback
}

// Bool returns a boolean, fallback when the key is not there.
func (c *Config) Bool(key string, fallback bool) bool {
	if v := c.want(key, KindBool); v != nil {
		return v.raw == "true"
	}
	return fallback
}

// Number returns a number, fallback when the key is not there.
func (c *Config) Number(key string, fallback float64) float64 {
	if v := c.want(key, KindNumber); v != nil {
		f, _ := strconv.ParseFloat(v.raw, 64)
		return f
	}
	return fallback
}

// Strings returns a list of strings; one string alone is a list of one.
func (c *Config) Strings(key string) []string {
	v := c.ask(key)
	if v == nil {
		return nil
	}
	if v.kind == KindString {
		return []string{v.text}
	}
	if v.kind != KindList {
		c.Reject(key, "want a list of strings, have "+v.kind.String())
		return nil
	}
	list := make([]string, 0, len(v.items))
	for i := range v.items {
		if v.items[i].kind != KindString {
			c.Reject(key+"["+strconv.Itoa(i)+"]", "want a string, have "+v.items[i].kind.String())
			continue
		}
		list = append(list, v.items[i].text)
	}
	return list
}

// Scalar is a number, boolean, null or string of the config.
type Scalar struct {
	Kind Kind
	Raw  string // its JSON
	Text string // of a string, unescaped
}

// Scalar returns one number, boolean, null or string.
func (c *Config) Scalar(key string) (Scalar, bool) {
	v := c.ask(key)
	if v == nil {
		return Scalar{}, false
	}
	if v.kind >= KindList {
		c.Reject(key, "want a single value, have "+v.kind.String())
		return Scalar{}, false
	}
	return Scalar{v.kind, v.raw, v.text}, true
}

// Scalars returns a list of single values.
func (c *Config) Scalars(key string) []Scalar {
	v := c.want(key, KindList)
	if v == nil {
		return nil
	}
	list := make([]Scalar, 0, len(v.items))
	for i, item := range v.items {
		if item.kind >= KindList {
			c.Reject(key+"["+strconv.Itoa(i)+"]", "want a single value, have "+item.kind.String())
			continue
		}
		list = append(list, Scalar{item.kind, item.raw, item.text})
	}
	return list
}

// Table returns a table, nil when the key is not there.
func (c *Config) Table(key string) *Config {
	if v := c.want(key, KindTable); v != nil {
		return c.sub(v, c.path+key+".")
	}
	return nil
}

// Tables returns a list of tables.
func (c *Config) Tables(key string) []*Config {
	v := c.want(key, KindList)
	if v == nil {
		return nil
	}
	list := make([]*Config, 0, len(v.items))
	for i := range v.items {
		at := key + "[" + strconv.Itoa(i) + "]"
		if v.items[i].kind != KindTable {
			c.Reject(at, "want a table, have "+v.items[i].kind.String())
			continue
		}
		list = append(list, c.sub(&v.items[i], c.path+at+"."))
	}
	return list
}

func (c *Config) sub(v *value, path string) *Config {
	s := &Config{table: v, path: path, faults: c.faults}
	c.subs = append(c.subs, s)
	return s
}

// Err returns everything that is wrong with the config, in one line, or nil.
func (c *Config) Err() error {
	faults := *c.faults
	c.unread(&faults)
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}

// unread notes the keys that nobody asked for, here and below.
func (c *Config) unread(faults *[]string) {
	for _, key := range c.Keys() {
		known := false
		for _, k := range c.asked {
			known = known || k == key
		}
		if !known {
			*faults = append(*faults, c.path+key+": unknown key; known here: "+strings.Join(c.asked, ", "))
		}
	}
	for _, s := range c.subs {
		s.unread(faults)
	}
}
