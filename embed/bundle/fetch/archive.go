package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/insforge/insforge-go/embed/bundle"
)

// writeArchive packs the runtime in dir for embedding, into the folder out,
// unless an archive of it is already there.
func writeArchive(out, dir string, pin bundle.Pin) error {
	base := filepath.Join(out, fmt.Sprintf("%s_%s_%s", pin.Name, pin.Platform.OS, pin.Platform.Arch))
	archive, info := base+".tar.zst", base+".json"
	source := filepath.Base(dir)
	current, err := upToDate(archive, info, source)
	if err != nil || current {
		return err
	}
	fmt.Fprintf(os.Stderr, "packing %s\n", filepath.Base(archive))
	if err := pack(archive, dir); err != nil {
		return err
	}
	sum, err := hashFile(archive)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(bundle.ArchiveInfo{
		Name: pin.Name, Version: pin.Version, Release: pin.Release, SHA256: sum, Source: source,
	}, "", "  ")
	if err != nil {
		return err
	}
	return replace(info, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// upToDate reports whether the archive was made from the runtime of this name
// in the cache and is still what its description says.
func upToDate(archive, info, source string) (bool, error) {
	text, err := os.ReadFile(info)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var have bundle.ArchiveInfo
	if json.Unmarshal(text, &have) != nil || have.Source != source {
		return false, nil
	}
	sum, err := hashFile(archive)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return sum == have.SHA256, err
}

func hashFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func pack(file, dir string) error {
	return replace(file, func(w io.Writer) error { return bundle.Pack(w, dir) })
}

func copyFile(to, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return replace(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

// replace writes a file beside the final one and renames it, so that a build
// running meanwhile embeds the old one or the new one.
func replace(file string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
