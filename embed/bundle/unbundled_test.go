//go:build !bundled

package bundle

import (
	"path/filepath"
	"testing"
)

// TestMajorOfTheDataDirectoryDecidesBetweenCacheAndSystem: the cache holds 17.
func TestMajorOfTheDataDirectoryDecidesBetweenCacheAndSystem(t *testing.T) {
	pin, err := PinFor(PostgresName, Host())
	if err != nil {
		t.Fatal(err)
	}
	cache, base := t.TempDir(), t.TempDir()
	if _, err := Install(cache, pin.CacheName(), func(tmp string) error {
		fakeServer(t, filepath.Join(tmp, "bin"), pin.Release)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Setenv(PostgresDirEnv, "")
	t.Setenv("PATH", fakeServer(t, filepath.Join(base, "bin"), "16.4"))
	for _, test := range []struct {
		major  int
		source Source
		want   int
	}{
		{0, SourceCache, PreferredMajor},
		{PreferredMajor, SourceCache, PreferredMajor},
		{16, SourceSystem, 16},
		{12, SourceCache, PreferredMajor}, // nobody has it; the caller refuses it
	} {
		rt, err := FindPostgres(t.Context(), Options{CacheDir: cache, Major: test.major})
		if err != nil || rt.Major != test.want || rt.Source != test.source {
			t.Errorf("major %d: got %+v, %v, want %d from %s", test.major, rt, err, test.want, test.source)
		}
	}
	rt, err := FindPostgres(t.Context(), Options{CacheDir: t.TempDir(), Major: 16})
	if err != nil || rt.Major != 16 || rt.Source != SourceSystem {
		t.Errorf("empty cache: got %+v, %v, want 16 from the system", rt, err)
	}
}
