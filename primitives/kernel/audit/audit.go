// Package audit writes the audit log: who did what, in the transaction of the
// change itself, so that a change without its row cannot exist.
package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
)

// Module is the area an action belongs to.
type Module string

// The modules of the audit log.
const (
	Auth        Module = "AUTH"
	Email       Module = "EMAIL"
	Database    Module = "DATABASE"
	Storage     Module = "STORAGE"
	Secrets     Module = "SECRETS"
	Functions   Module = "FUNCTIONS"
	Deployments Module = "DEPLOYMENTS"
	Compute     Module = "COMPUTE"
	AI          Module = "AI"
)

// Entry is one audited action. Details is encoded as JSON and must hold no
// secret.
type Entry struct {
	Module  Module
	Action  string
	Details any
}

// Recorder writes entries.
type Recorder struct{ token []byte }

// NewRecorder returns a Recorder that proves itself to the database with
// token, the one given to pg.DB.Bootstrap.
func NewRecorder(token []byte) Recorder { return Recorder{token: token} }

// Record writes e within tx, with the caller and address found in ctx. An
// error fails the transaction, and the change with it.
func (r Recorder) Record(ctx context.Context, tx pg.Tx, e Entry) error {
	details, err := json.Marshal(e.Details)
	if err != nil {
		return fmt.Errorf("audit %s: encode details: %w", e.Action, err)
	}
	var ip *string
	if addr := identity.CallFrom(ctx).ClientIP; addr.IsValid() {
		text := addr.Unmap().WithZone("").String()
		ip = &text
	}
	_, err = tx.Exec(ctx, `SELECT system.record_audit($1, $2, $3, $4, $5::jsonb, $6::inet)`,
		r.token, identity.From(ctx).Actor(), e.Action, string(e.Module), string(details), ip)
	if err != nil {
		return fmt.Errorf("audit %s: %w", e.Action, err)
	}
	return nil
}
