package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/sightline-mesh/sightline/controlplane/mesh"
)

func (a *API) history(c *gin.Context) (any, error) {
	if a.deps.History == nil {
		return nil, missingPart("the control plane")
	}
	below, _ := strconv.ParseUint(c.Query("below"), 10, 63) // checked with the route's parameters
	limit, _ := strconv.Atoi(c.Query("limit"))
	if limit == 0 {
		limit = mesh.UsualChanges
	}
	changes, err := a.deps.History(c, HistoryQuery{
		Below: below, Limit: limit, Kind: c.Query("kind"), Namespace: c.Query("namespace"), Name: c.Query("name"),
	})
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	answer := historyAnswer{Changes: list(changes)}
	if len(changes) == limit {
		answer.Next = changes[limit-1].Number
	}
	return answer, nil
}

func (a *API) change(c *gin.Context) (any, error) {
	if a.deps.Change == nil {
		return nil, missingPart("the control plane")
	}
	number, _ := strconv.ParseUint(c.Param("change"), 10, 63) // checked with the route's parameters
	out, err := a.deps.Change(c, number)
	if err != nil {
		return nil, err // which names it
	}
	out.Resources = list(out.Resources)
	return out, nil
}

func (a *API) restore(c *gin.Context) (any, error) {
	if a.deps.Restore == nil {
		return nil, missingPart("the control plane")
	}
	change, _ := strconv.ParseUint(c.Param("change"), 10, 63) // checked with the route's parameters
	dryRun := c.Query("dryRun") == "true"
	out, err := a.deps.Restore(c, change, userOf(c).Name, dryRun)
	if err != nil {
		return nil, fmt.Errorf("restore change %d: %w", change, err)
	}
	out.Changes, out.Findings = list(out.Changes), list(out.Findings)
	if !dryRun && slices.ContainsFunc(out.Findings, isError) {
		p := problem(http.StatusUnprocessableEntity, "nothing was restored: "+firstError(out.Findings))
		p.Findings = out.Findings
		return nil, p
	}
	return out, nil
}
