package refusal_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/insforge/insforge-go/primitives/database/refusal"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

func TestErrorsThatFollowFromCallersSQLAreTheCallers(t *testing.T) {
	t.Parallel()
	const constraint, validation, internal = fault.DatabaseConstraintViolation, fault.DatabaseValidationError, fault.InternalError
	for _, tt := range []struct {
		name   string
		states []string
		status int
		code   fault.Code
	}{
		{"what the contract pins", []string{"23505"}, 409, fault.DatabaseDuplicate},
		{"a missing value", []string{"23502"}, 400, fault.MissingField},
		{"a foreign key", []string{"23503"}, 400, constraint},
		{"no right", []string{"42501"}, 403, fault.Forbidden},
		{"other constraints", []string{"23514", "23P01", "23001"}, 400, constraint},
		{"values", []string{"20000", "21000", "22012", "22P02", "22003", "22023", "2203F"}, 400, validation},
		{"features and names", []string{"0A000", "3D000", "3F000", "42601", "42P01", "42P07", "42883", "42P02", "42710"}, 400, validation},
		{"rights of what is granted", []string{"0L000", "0P000", "28000", "2BP01"}, 400, validation},
		{"transactions, cursors and savepoints", []string{"24000", "25001", "25006", "25P02", "25P03", "26000", "2D000", "34000", "3B001"}, 400, validation},
		{"functions and triggers", []string{"09000", "27000", "2F005", "38000", "39004", "P0001", "P0002", "P0004", "44000"}, 400, validation},
		{"limits of statements", []string{"57014", "53400", "54001", "54011"}, 400, validation},
		{"the state of an object", []string{"55000", "55006", "55P02", "55P04"}, 400, validation},
		{"foreign tables of the caller", []string{"HV00N"}, 400, validation},
		{"a SQLSTATE of the caller's own", []string{"MY001", "PT404"}, 400, validation},
		{"another transaction", []string{"40001", "40P01", "55P03"}, 503, fault.DatabaseInternalError},
		{"the server", []string{"08006", "53100", "53200", "57P02", "58030", "F0000", "XX000", "XX001"}, 500, internal},
	} {
		for _, state := range tt.states {
			f := refusal.OfSQL(&pgconn.PgError{Code: state, Message: "said by Postgres", Hint: "Do this", Detail: "It is so."})
			if f.Status != tt.status || f.Code != tt.code {
				t.Errorf("%s: SQLSTATE %s is %d %s, want %d %s", tt.name, state, f.Status, f.Code, tt.status, tt.code)
			}
			want := "Do this. It is so. SQLSTATE " + state + "."
			if tt.status != 503 && (f.Message != "said by Postgres" || f.NextActions != want) {
				t.Errorf("SQLSTATE %s: got %q and %q, want Postgres's words", state, f.Message, f.NextActions)
			}
		}
	}
}
