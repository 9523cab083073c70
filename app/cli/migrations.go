package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/insforge/insforge-go/primitives/database/sqltext"
)

// migrationName is what the project accepts as the name of a migration.
var migrationName = regexp.MustCompile(`^[a-z0-9_-]+$`)

// migrationFileName is the name of a migration's file; its suffix may be of
// any letter case.
var migrationFileName = regexp.MustCompile(`^([0-9]{1,64})_([a-z0-9_-]+)\.(?i:sql)$`)

// looksLikeMigration is the name of what was probably meant to be one.
var looksLikeMigration = regexp.MustCompile(`(?i)^[0-9]+_|\.sql$`)

// migration is one of a local folder, or one that the project has applied.
type migration struct {
	Version string `json:"version"`
	Name    string `json:"name"`
	number  *big.Int
	path    string // of the file
}

func (m migration) String() string { return m.Version + "_" + m.Name }

// ordinal gives a migration of the project, whose version is digits, its place.
func (m migration) ordinal() (migration, error) {
	number, ok := new(big.Int).SetString(m.Version, 10)
	if !ok {
		return m, fmt.Errorf("the project has a migration of version %q, which is not a number", printable(m.Version))
	}
	m.number = number
	return m, nil
}

// localMigrations reads a folder, in the order of the versions. Files not named
// like migrations are left out; ignored holds the paths of those that look as if
// they were meant to be. It returns fs.ErrNotExist without a folder.
func localMigrations(dir string) (found []migration, ignored []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		parts := migrationFileName.FindStringSubmatch(e.Name())
		if parts == nil || e.IsDir() {
			if looksLikeMigration.MatchString(e.Name()) {
				ignored = append(ignored, path)
			}
			continue
		}
		m, err := migration{Version: parts[1], Name: parts[2], path: path}.ordinal()
		if err != nil {
			return nil, nil, err
		}
		found = append(found, m)
	}
	slices.SortStableFunc(found, byVersion)
	for i := 1; i < len(found); i++ {
		if byVersion(found[i-1], found[i]) == 0 {
			return nil, nil, fmt.Errorf("%s and %s have the same version; rename the newer one", found[i-1].path, found[i].path)
		}
	}
	return found, ignored, nil
}

func byVersion(a, b migration) int { return a.number.Cmp(b.number) }

// createMigration makes an empty file whose version is the time in UTC, or
// the one after the newest in the folder, and returns its path.
func createMigration(dir, name string, now time.Time) (string, error) {
	local, _, err := localMigrations(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	version, _ := new(big.Int).SetString(now.UTC().Format("20060102150405"), 10)
	if len(local) > 0 {
		if next := new(big.Int).Add(local[len(local)-1].number, big.NewInt(1)); next.Cmp(version) > 0 {
			version = next
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fileError("create", dir, err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s_%s.sql", version, name))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", fileError("create", path, err)
	}
	_, err = f.WriteString("-- The statements of this file run in one transaction.\n")
	return path, cmp.Or(err, f.Close())
}

// comparison is what a folder and a project have in common.
type comparison struct {
	// pending are newer than everything that is applied; overtaken are older
	// than the newest and were never applied; now they cannot be.
	pending, overtaken []migration
	// changed are applied, but their files hold other statements now.
	changed []migration
	// elsewhere are applied and have no file.
	applied, elsewhere []migration
}

// compare sorts out local files and applied migrations, both in order. It reads
// the files of those that are applied.
func compare(local []migration, applied []appliedMigration) (comparison, error) {
	var c comparison
	for _, a := range applied {
		c.applied = append(c.applied, a.migration)
		if _, found := slices.BinarySearchFunc(local, a.migration, byVersion); !found {
			c.elsewhere = append(c.elsewhere, a.migration)
		}
	}
	for _, m := range local {
		at, found := slices.BinarySearchFunc(c.applied, m, byVersion)
		switch {
		case found:
			same, err := applied[at].isOf(m.path)
			if err != nil {
				return c, err
			}
			if !same {
				c.changed = append(c.changed, m)
			}
		case at == len(c.applied):
			c.pending = append(c.pending, m)
		default:
			c.overtaken = append(c.overtaken, m)
		}
	}
	return c, nil
}

// isOf reports whether a file holds the statements that were applied. Comments
// and spacing may differ.
func (a appliedMigration) isOf(path string) (bool, error) {
	sql, err := readSQLFile(path)
	if errors.As(err, new(codedError)) { // nothing in it
		return len(a.Statements) == 0, nil
	}
	if err != nil {
		return false, err
	}
	now, err := sqltext.Split(sql)
	if err != nil || len(now) != len(a.Statements) {
		return false, nil // what was applied was SQL
	}
	for i, text := range a.Statements {
		then, err := sqltext.Split(text)
		if err != nil || len(then) != 1 || !then[0].SameTokens(now[i]) {
			return false, nil
		}
	}
	return true, nil
}
