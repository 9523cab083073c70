package postgres

import (
	"os"
	"path/filepath"
)

// writeFile replaces a file of the data directory by rename, readable only for
// the server's user. It is on disk when this returns.
func (p place) writeFile(name, content string) error {
	path := filepath.Join(p.dir, name)
	if old, err := os.ReadFile(path); err == nil && string(old) == content {
		return nil
	}
	f, err := os.CreateTemp(p.dir, "."+name+"-")
	if err != nil {
		return fileError("write", path, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString(content); err != nil {
		return fileError("write", path, err)
	}
	if err := p.account.ownFile(f); err != nil {
		return fileError("write", path, err)
	}
	if err := f.Sync(); err != nil {
		return fileError("write", path, err)
	}
	if err := f.Close(); err != nil {
		return fileError("write", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fileError("write", path, err)
	}
	return nil
}
