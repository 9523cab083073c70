package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// hash returns a hex SHA-256 over the names and contents of the given files and folders of dir. Tests are left out,
// because they do not reach the build.
func (b builder) hash(names ...string) (string, error) {
	sum := sha256.New()
	for _, name := range names {
		err := filepath.WalkDir(b.path(name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || isTest(path) {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(b.dir, path)
			if err != nil {
				return err
			}
			// The length keeps the end of one file and the start of the next apart.
			fmt.Fprintf(sum, "%s\x00%d\x00", filepath.ToSlash(rel), len(content))
			sum.Write(content)
			return nil
		})
		if err != nil {
			return "", fmt.Errorf("hash the sources: %w", err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func isTest(path string) bool {
	return strings.HasSuffix(path, ".test.ts") || strings.HasSuffix(path, ".test.tsx") ||
		filepath.Base(filepath.Dir(path)) == "testing"
}
