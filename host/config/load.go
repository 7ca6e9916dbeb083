package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile bounds the file itself.
const maxFile = 1 << 20

// Load reads and checks the file at path; ${NAME}s come from the environment.
// The error is Errors, or that of reading the file. See Parse for the Config
// beside an error.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	return Parse(path, data, os.LookupEnv)
}

// Parse checks data as the content of file, whose folder relative paths start
// from: plugins and certificates that it names must be there. The error is
// Errors, all that is wrong; a file that is no TOML has one.
//
// Beside Errors of a file that is TOML there is a Config that cannot be served.
// It is there for whoever has more to say: it has its Plugins and those Policies
// that nothing is wrong with so far.
func Parse(file string, data []byte, env func(string) (string, bool)) (*Config, error) {
	if len(data) > maxFile {
		return nil, Errors{{File: file, Message: "larger than " + spellSize(maxFile)}}
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	root, tooDeep := locate(text)
	r := &reader{
		file: file, data: text, env: env,
		root: place{root, "", root.key, root.value},
	}
	if tooDeep != 0 {
		r.failAt(tooDeep, "", "nested deeper than %d", maxDepth)
		return nil, r.errs
	}
	values, err := decode(text)
	if err != nil {
		r.syntax(err)
		return nil, r.errs
	}
	c := &Config{File: file}
	r.table(r.root, values, fileSchema(c))
	r.finish(c)
	r.locatePolicies(c)
	if len(r.errs) > 0 {
		r.errs.sort()
		return c, r.errs
	}
	return c, nil
}

// decode turns a panic of the TOML library, which marks its own faults so,
// into an error.
func decode(text string) (values map[string]any, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the TOML parser gave up")
		}
	}()
	values = map[string]any{}
	_, err = toml.Decode(text, &values)
	return values, err
}

// syntax records the library's error. Its text may quote what stands in the
// file, which is nobody's business when the key is secret.
func (r *reader) syntax(err error) {
	var e toml.ParseError
	if !errors.As(err, &e) {
		r.errs = append(r.errs, Error{File: r.file, Message: err.Error()})
		return
	}
	message := strings.TrimSuffix(e.Message, ".")
	switch {
	case strings.HasSuffix(message, "already been defined"): // names keys alone
	case slices.ContainsFunc(strings.Split(e.LastKey, "."), isSecretKey):
		message = "this is no TOML: a string stands between quotes, on one line"
	case strings.HasPrefix(message, "expected value but found"):
		message += "; strings need quotes"
	}
	r.failAt(spot(e.Position.Start+1), "", "%s", message)
}

// isSecretKey reports whether a key's value is expanded, and so may be secret.
func isSecretKey(name string) bool { return name == "key" || name == "api_key" || name == "url" }
