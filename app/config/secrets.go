package config

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// SecretsFile is the name of the secrets file in the data directory.
const SecretsFile = "secrets.json"

// Secrets are the keys of one project. Those that the environment gives are
// used but not stored, apart from the administrator's name and password: the
// last ones stay when the environment no longer gives any.
type Secrets struct {
	JWTSecret     string `json:"jwtSecret,omitempty"`
	EncryptionKey string `json:"encryptionKey,omitempty"`
	AdminUsername string `json:"adminUsername,omitempty"`
	AdminPassword string `json:"adminPassword,omitempty"`
	// AdminPasswordGiven is set when the environment of the last start gave the
	// password, and will give it again.
	AdminPasswordGiven bool `json:"adminPasswordGiven,omitempty"`

	APIKey           string `json:"apiKey,omitempty"`
	AnonKey          string `json:"anonKey,omitempty"`
	PostgresPassword string `json:"postgresPassword,omitempty"`
}

// LoadedSecrets are the secrets in force and how they came to be.
type LoadedSecrets struct {
	Secrets
	// Path is the secrets file.
	Path string
	// NewAdminPassword reports whether the password was generated just now and
	// is to be shown once.
	NewAdminPassword bool
}

// ReadSecrets returns the stored secrets with the environment's on top. It
// changes nothing; a missing file is an error that wraps fs.ErrNotExist.
func ReadSecrets(c Config) (LoadedSecrets, error) {
	path := filepath.Join(c.DataDir, SecretsFile)
	stored, err := readSecrets(path, c)
	if err != nil {
		return LoadedSecrets{}, err
	}
	return LoadedSecrets{Secrets: overlay(stored, c), Path: path}, nil
}

// EnsureSecrets returns the secrets in force, generating and storing those
// that neither the environment nor the file has. The data directory must exist
// and be locked by this process.
func EnsureSecrets(c Config) (LoadedSecrets, error) {
	path := filepath.Join(c.DataDir, SecretsFile)
	if err := CheckSecrets(c); err != nil {
		return LoadedSecrets{}, err
	}
	stored, err := readSecrets(path, c)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return LoadedSecrets{}, err
	}
	loaded := LoadedSecrets{Path: path}
	before := stored
	given := overlay(Secrets{}, c)
	stored.AdminUsername = cmp.Or(given.AdminUsername, stored.AdminUsername, "admin")
	stored.AdminPassword = cmp.Or(given.AdminPassword, stored.AdminPassword)
	stored.AdminPasswordGiven = given.AdminPassword != ""
	fill(&stored.JWTSecret, given.JWTSecret, "", 32)
	fill(&stored.EncryptionKey, given.EncryptionKey, "", 32)
	loaded.NewAdminPassword = fill(&stored.AdminPassword, given.AdminPassword, "", 12)
	fill(&stored.APIKey, given.APIKey, apiKeyPrefix, 32)
	fill(&stored.AnonKey, given.AnonKey, anonKeyPrefix, 32)
	fill(&stored.PostgresPassword, given.PostgresPassword, "", 24)
	if stored != before || err != nil {
		if err := writeSecrets(path, stored); err != nil {
			return LoadedSecrets{}, err
		}
	} else if err := os.Chmod(path, 0o600); err != nil {
		return LoadedSecrets{}, fmt.Errorf("restrict secrets file: %w", err)
	}
	loaded.Secrets = overlay(stored, c)
	return loaded, nil
}

// AdminPassword returns the stored administrator's password: the one in force
// while a process serves the project.
func AdminPassword(c Config) (string, error) {
	stored, err := readSecrets(filepath.Join(c.DataDir, SecretsFile), c)
	return stored.AdminPassword, err
}

// NewPassword returns a random password.
func NewPassword() string {
	var password string
	fill(&password, "", "", 12)
	return password
}

// SetAdminPassword stores another administrator's password, which a process
// that serves the project accepts from then on. given reports whether the next
// start will be given the former one again by its environment.
func SetAdminPassword(c Config, password string) (given bool, err error) {
	path := filepath.Join(c.DataDir, SecretsFile)
	stored, err := readSecrets(path, c)
	if err != nil {
		return false, err
	}
	stored.AdminPassword = password
	return stored.AdminPasswordGiven, writeSecrets(path, stored)
}

// fill generates *stored when neither it nor given has a value, and reports
// whether it did.
func fill(stored *string, given, prefix string, bytes int) bool {
	if *stored != "" || given != "" {
		return false
	}
	raw := make([]byte, bytes)
	rand.Read(raw) // never fails: crypto/rand aborts the process instead
	*stored = prefix + hex.EncodeToString(raw)
	return true
}

// overlay puts what the environment gives over what is stored.
func overlay(s Secrets, c Config) Secrets {
	for _, v := range []struct {
		to    *string
		given string
	}{
		{&s.JWTSecret, c.Given.JWTSecret},
		{&s.EncryptionKey, c.Given.EncryptionKey},
		{&s.AdminUsername, c.Given.AdminUsername},
		{&s.AdminPassword, c.Given.AdminPassword},
		{&s.APIKey, c.Given.APIKey},
		{&s.AnonKey, c.Given.AnonKey},
		{&s.PostgresPassword, c.Postgres.Password},
	} {
		if v.given != "" {
			*v.to = v.given
		}
	}
	return s
}

// CheckSecrets returns an error when a start would refuse the stored secrets, and
// changes nothing.
func CheckSecrets(c Config) error {
	path := filepath.Join(c.DataDir, SecretsFile)
	stored, err := readSecrets(path, c)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkLost(c)
	case err != nil:
		return err
	case stored.EncryptionKey == "" && c.Given.EncryptionKey == "":
		return fmt.Errorf("%s has no encryption key, because ENCRYPTION_KEY was set when it was created; "+
			"set ENCRYPTION_KEY to the same value again: a new key could not read the stored secrets", path)
	}
	return nil
}

// checkLost returns an error when there is a database whose secrets file
// is missing: a start must not generate new keys for data that was encrypted
// with the old ones.
func checkLost(c Config) error {
	if _, err := os.Stat(filepath.Join(c.DataDir, "postgres")); err != nil {
		return nil
	}
	return fmt.Errorf("the data directory %s holds a database but its %s is gone; "+
		"stored secrets cannot be read without it: restore the file from a backup", c.DataDir, SecretsFile)
}

// readSecrets returns what is stored. An empty file counts as damaged, unless
// the environment gives a secret.
func readSecrets(path string, c Config) (Secrets, error) {
	var s Secrets
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrPermission) {
		return s, fmt.Errorf("the secrets file %s cannot be read by this user; use the user who serves the project", path)
	}
	if err != nil {
		return s, fmt.Errorf("read secrets: %w", err)
	}
	// The decoder's message may quote the file, so it is not passed on.
	if json.Unmarshal(text, &s) != nil {
		return Secrets{}, fmt.Errorf("the secrets file %s is damaged (not JSON); "+
			"restore it from a backup: a new one could not read the stored secrets", path)
	}
	if overlay(s, c) == (Secrets{}) {
		return Secrets{}, fmt.Errorf("the secrets file %s is empty; restore it from a backup", path)
	}
	return s, nil
}

// writeSecrets replaces the file atomically: after a crash there is either the
// old one or the new one.
func writeSecrets(path string, s Secrets) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := writeDurably(path, append(text, '\n')); err != nil {
		return fmt.Errorf("write secrets file: %w", err)
	}
	return nil
}

func writeDurably(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".secrets-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once renamed, which is fine
	defer f.Close()
	if err := keepOwner(f, path); err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// keepOwner gives f to the owner of path, if there is one: root may replace the
// file of a project that another user serves.
func keepOwner(f *os.File, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || os.Geteuid() != 0 {
		return nil
	}
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

// Values returns all secrets, for redaction.
func (s Secrets) Values() []string {
	all := []string{s.JWTSecret, s.EncryptionKey, s.AdminPassword, s.APIKey, s.AnonKey, s.PostgresPassword}
	out := all[:0]
	for _, v := range all {
		if strings.TrimSpace(v) != "" {
			out = append(out, v)
		}
	}
	return out
}
