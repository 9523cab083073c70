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
	"strings"
	"time"
)

// migrationName is what the project accepts as the name of a migration.
var migrationName = regexp.MustCompile(`^[a-z0-9-]+$`)

var migrationFileName = regexp.MustCompile(`^([0-9]{1,64})_([a-z0-9-]+)\.sql$`)

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
		return m, fmt.Errorf("the project has a migration of version %q, which is no number", printable(m.Version))
	}
	m.number = number
	return m, nil
}

// localMigrations reads a folder, in the order of the versions. Other kinds of
// files may be there; a file of SQL that is named otherwise is an error,
// because it was meant to be one. It returns fs.ErrNotExist without a folder.
func localMigrations(dir string) ([]migration, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []migration
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		parts := migrationFileName.FindStringSubmatch(e.Name())
		if parts == nil {
			return nil, fmt.Errorf("%s is not named <version>_<name>.sql, with digits and then a-z, 0-9 and -; rename it", printable(path))
		}
		m, err := migration{Version: parts[1], Name: parts[2], path: path}.ordinal()
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	slices.SortStableFunc(found, byVersion)
	for i := 1; i < len(found); i++ {
		if byVersion(found[i-1], found[i]) == 0 {
			return nil, fmt.Errorf("%s and %s have the same version; rename the newer one", found[i-1].path, found[i].path)
		}
	}
	return found, nil
}

func byVersion(a, b migration) int { return a.number.Cmp(b.number) }

// createMigration makes an empty file whose version is the time in UTC, or
// the one after the newest in the folder, and returns its path.
func createMigration(dir, name string, now time.Time) (string, error) {
	local, err := localMigrations(dir)
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
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s_%s.sql", version, name))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("-- The statements of this file run in one transaction.\n")
	return path, cmp.Or(err, f.Close())
}

// comparison is what a folder and a project have in common.
type comparison struct {
	// pending are newer than everything that is applied; overtaken are older
	// than the newest and were never applied, so they cannot be any more.
	pending, overtaken []migration
	// elsewhere are applied and have no file.
	applied, elsewhere []migration
}

// compare sorts out local files and applied migrations, both in order.
func compare(local, applied []migration) comparison {
	c := comparison{applied: applied}
	at := func(all []migration, m migration) bool {
		_, found := slices.BinarySearchFunc(all, m, byVersion)
		return found
	}
	for _, m := range local {
		switch {
		case at(applied, m):
		case len(applied) == 0 || byVersion(m, applied[len(applied)-1]) > 0:
			c.pending = append(c.pending, m)
		default:
			c.overtaken = append(c.overtaken, m)
		}
	}
	for _, m := range applied {
		if !at(local, m) {
			c.elsewhere = append(c.elsewhere, m)
		}
	}
	return c
}
