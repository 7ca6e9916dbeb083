package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// resolve starts a relative path from dir.
func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// plugin finds the policy's file: a bare name is in plugins.dir, a path with a
// slash starts from the file's folder and stays in it, unless it is absolute.
func (r *reader) plugin(p place, dir, pluginsDir string, policy *Policy) {
	name := policy.Plugin
	switch {
	case name == "":
		return // said already
	case filepath.IsAbs(name):
		policy.Path = filepath.Clean(name)
	case !filepath.IsLocal(name):
		r.fail(p, "%q leads out of its folder; write an absolute path for a plugin elsewhere", name)
		return
	case strings.ContainsRune(name, filepath.Separator):
		policy.Folder = dir
	default:
		policy.Folder = pluginsDir
	}
	if policy.Folder != "" {
		policy.Path = filepath.Join(policy.Folder, name)
	}
	err := readable(policy.Path)
	if err == nil {
		return
	}
	hint := ""
	if errors.Is(err, fs.ErrNotExist) {
		hint = pluginHint(policy.Path)
	}
	r.fail(p, "%s: %s%s", policy.Path, reason(err), hint)
}

// pluginHint says what may be meant by a plugin that is not there: one whose
// source is there, not compiled yet, or one of nearly the same name.
func pluginHint(path string) string {
	dir, name := filepath.Split(path)
	source := strings.TrimSuffix(path, ".wasm")
	if info, err := os.Stat(source); err == nil && info.IsDir() && source != path {
		return fmt.Sprintf("; compile it: infinirouter policy build %s", source)
	}
	files, _ := os.ReadDir(dir) // a folder that cannot be read has no hint
	var modules []string
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".wasm") {
			modules = append(modules, f.Name())
		}
	}
	if near := nearest(name, modules); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// caFile finds the service's certificate file.
func (r *reader) caFile(p place, dir string, s *Service) {
	if s.CAFile == "" {
		return
	}
	s.CAFile = resolve(dir, s.CAFile)
	if err := readable(s.CAFile); err != nil {
		r.fail(p, "%s: %s", s.CAFile, reason(err))
	}
}

var errNotFile = errors.New("is not a file")

// readable reports why path cannot be read as a plain file. It looks before it
// opens: opening a pipe would wait.
func readable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNotFile
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// reason is err without the operation and path that os puts before it.
func reason(err error) string {
	var e *fs.PathError
	if errors.As(err, &e) {
		err = e.Err
	}
	return err.Error()
}
