package quote_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestQuoting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, got, want string }{
		{"a plain name", quote.Identifier("items"), `"items"`},
		{"a qualified name", quote.Identifier("public", "Order"), `"public"."Order"`},
		{"a quote in a name", quote.Identifier(`a"b`), `"a""b"`},
		{"a dot in a name", quote.Identifier(`a.b`), `"a.b"`},
		{"a zero byte in a name", quote.Identifier("a\x00\"b"), `"a""b"`},
		{"several names", quote.Identifiers([]string{"a", `"`, "c"}), `"a", """", "c"`},
		{"no names", quote.Identifiers(nil), ``},
		{"a plain constant", quote.Literal("it's"), `'it''s'`},
		{"an empty constant", quote.Literal(""), `''`},
		{"a backslash", quote.Literal(`\'; DROP`), `E'\\''; DROP'`},
		{"escaped without need", quote.Escaped("a"), `E'a'`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// hostile are texts that end a constant or a name which is quoted wrongly.
var hostile = []string{
	``, `'`, `''`, `\`, `\'`, `\\'`, `'; SELECT 1; --`, `\'; SELECT 1; --`, `"`, `""; SELECT`, `$$`, `$a$`, "line\nfeed", `%s %I`, `ü😀`, `U&'\0041'`, `\x41\101\u0041`,
}

func TestPostgresReadsWhatWasQuotedUnderEverySetting(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, setting := range []string{"on", "off"} {
		for _, s := range hostile {
			var got, escaped, name string
			err := db.AsOwner(t.Context(), func(tx pg.Tx) error {
				if _, err := tx.Exec(t.Context(), `SET LOCAL standard_conforming_strings = `+setting+`; SET LOCAL backslash_quote = off`); err != nil {
					return err
				}
				column := quote.Identifier(s) + ` int`
				if s == "" { // no name
					column = ""
				}
				if _, err := tx.Exec(t.Context(), `CREATE TEMP TABLE named (`+column+`) ON COMMIT DROP`); err != nil {
					return err
				}
				sql := fmt.Sprintf(`SELECT %s, %s, coalesce((SELECT attname::text FROM pg_attribute WHERE attrelid = 'named'::regclass AND attnum = 1), '')`,
					quote.Literal(s), quote.Escaped(s))
				return tx.QueryRow(t.Context(), sql).Scan(&got, &escaped, &name)
			})
			if err != nil {
				t.Errorf("standard_conforming_strings %s, %q: %v", setting, s, err)
				continue
			}
			if diff := cmp.Diff([]string{s, s, s}, []string{got, escaped, name}); diff != "" {
				t.Errorf("standard_conforming_strings %s: -want +got\n%s", setting, diff)
			}
		}
	}
}
