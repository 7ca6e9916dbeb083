// Package scenarios holds what can be measured: a file for each, NAME.toml, that
// says what it measures, how noise is handled, which load is put on which
// targets, and how the outcome is shown. Load reads them strictly: a key that is
// unknown is an error.
package scenarios
