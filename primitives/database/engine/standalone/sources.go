package standalone

import (
	"fmt"
	"io"
	"os"
)

// maxFile bounds files of settings.
const maxFile = 1 << 20

// Sources are where settings are kept outside the database. They can be read
// any number of times, from one goroutine at a time: what can be read only
// once, a pipe or standard input, is remembered.
type Sources struct {
	environ []string
	file    string
	once    map[string]string
}

// NewSources returns the sources of an environment, a list of name=value, and a
// configuration file, whose path may be empty.
func NewSources(environ []string, file string) *Sources {
	return &Sources{environ, file, map[string]string{}}
}

func (s *Sources) read(path string) (string, error) {
	if text, ok := s.once[path]; ok {
		return text, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		s.once[path] = string(text)
	}
	return string(text), nil
}
