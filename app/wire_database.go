package app

import (
	"time"

	"github.com/insforge/insforge-go/primitives/database"
)

// wireDatabase returns the service of the project's tables and rows.
func wireDatabase(b base) (*database.Service, error) {
	return database.New(database.Deps{
		DB: b.db.DB, Audit: b.audit, Events: b.events, Token: b.db.auditToken, TempDir: b.config.DataDir,
		MaxFileBytes: int64(b.config.Limits.File), MaxBodyBytes: int64(b.config.Limits.JSONBody),
		BaseURL: b.config.Server.BaseURL, PlainPath: plainMount, Version: Version(),
		Log: b.log, Now: time.Now,
	})
}
