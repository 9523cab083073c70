package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzInspect makes sure that any file is read to its end or refused.
func FuzzInspect(f *testing.F) {
	paths, err := filepath.Glob("testdata/files/*.sql")
	if err != nil || len(paths) == 0 {
		f.Fatalf("got %d files (%v)", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{
		"\\", "\\.", "\\connect", "SET", "SET x TO", "SET search_path TO ,", "RESET", "COMMENT ON EXTENSION", "DROP EXTENSION a,", "GRANT a ON b TO",
		"ALTER DEFAULT PRIVILEGES IN SCHEMA a, FOR ROLE b,", "SELECT set_config(", "CREATE EXTENSION", "ALTER TABLE a. DISABLE TRIGGER ALL", "COPY FROM stdin;\n",
		"COPY a FROM stdin -- b\n;", "CREATE POLICY p ON t TO", "UPDATE ONLY", "CREATE SCHEMA AUTHORIZATION x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := inspect(newScript(strings.NewReader(text), int64(len(text))))
		if err != nil {
			return
		}
		for role := range p.needs.roles {
			if role == "" {
				t.Error("a role without a name is needed")
			}
		}
		// What was inspected reads the same when it runs.
		s, j := newScript(strings.NewReader(text), int64(len(text))), judge{belongs: func(string) bool { return true }}
		for {
			st, err := s.next()
			if err != nil {
				break
			}
			if _, err := j.pass(st); err != nil {
				t.Fatalf("refused when it runs: %v", err)
			}
			switchesTriggers(st.Statement)
			replicationRole(st.Statement)
			changed(st.Statement)
			setsSequence(st.Statement)
		}
	})
}
