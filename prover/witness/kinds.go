package witness

import (
	"github.com/attestlog/attestlog/prover/gadget/table"
	"github.com/attestlog/attestlog/prover/statement"
)

// Bounds of lists. They hold more than today's classes of statements, and keep every witness below MaxBytes.
const (
	maxRecords   = 1024 // of a data access: 964 bytes each
	maxChunkRows = 4096 // of an anonymization: 192 bytes and a flag each
)

// dataAccess describes a data access's witness.
func dataAccess(w *wire, of *statement.DataAccessWitness) {
	if of == nil {
		w.fail("witness", "there is none")
		return
	}
	w.unsigned("rows", &of.Rows, 4, maxUint32)
	w.raw("schema", of.Schema[:])
	w.fields("top", of.Top[:])
	w.raw("salt", of.Salt[:])
	list(w, "records", &of.Records, w.count("records", len(of.Records), maxRecords))
	if w.err != nil {
		return
	}
	for i := range of.Records {
		w.opening(&of.Records[i], statement.DataAccessLayout())
	}
}

func blankTrainingStep() *statement.TrainingStepWitness {
	return &statement.TrainingStepWitness{Recipe: new(statement.Recipe)}
}

// trainingStep describes a training step's witness.
func trainingStep(w *wire, of *statement.TrainingStepWitness) {
	if of == nil || of.Recipe == nil {
		w.fail("witness", "it has no recipe")
		return
	}
	w.unsigned("rows", &of.Rows, 4, maxUint32)
	w.raw("schema", of.Schema[:])
	depth := topDepth(len(of.Top))
	w.unsigned("depth of the top nodes", &depth, 1, maxTopDepth)
	if depth < table.TopDepth {
		w.fail("top", "its nodes lie above level %d below the root", table.TopDepth)
	}
	list(w, "top", &of.Top, 1<<(2*depth))
	w.fields("top", of.Top)
	recipe(w, of.Recipe)
	list(w, "batch", &of.Batch, w.count("rows of the batch", len(of.Batch), statement.TrainingBatch))
	if w.err != nil {
		return
	}
	for i := range of.Batch {
		w.opening(&of.Batch[i], statement.TrainingLayout(of.Recipe.Columns))
	}
	for _, s := range []*statement.SaltedWeights{&of.Before, &of.After} {
		for j := range s.Weights {
			w.signed32("weights", &s.Weights[j])
		}
		w.raw("salt", s.Salt[:])
	}
}

const maxTopDepth = table.TopDepth + 1

// topDepth is how far below the root a level of so many nodes lies. For another number of nodes than a level can have, the next
// smaller one counts: then the list has another length than its depth says.
func topDepth(nodes int) (depth int) {
	for ; nodes >= table.Arity; nodes /= table.Arity {
		depth++
	}
	return depth
}

func recipe(w *wire, r *statement.Recipe) {
	w.unsigned("columns", &r.Columns, 1, statement.TrainingColumns)
	w.unsigned("label", &r.Label, 1, statement.TrainingColumns)
	positive := int(r.Positive)
	w.unsigned("positive", &positive, 2, 1<<16-1)
	r.Positive = uint16(positive)
	w.signed("learning rate", &r.LearningRate)
	w.signed("l2", &r.L2)
	for j := range r.Features {
		w.signed("scale", &r.Features[j].Scale)
		w.signed("offset", &r.Features[j].Offset)
	}
	if r.Columns < 1 || r.Label >= r.Columns {
		w.fail("recipe", "there is no column, or the label is none of them")
	}
}

// modelVersion describes a model version's witness.
func modelVersion(w *wire, of *statement.ModelVersionWitness) {
	if of == nil {
		w.fail("witness", "there is none")
		return
	}
	w.element("weights", &of.Release.Weights)
	w.raw("salt", of.Release.Salt[:])
	w.unsigned("place", &of.Release.Place, 2, statement.MaxReleases-1)
	for level := range of.Release.Siblings {
		w.fields("siblings", of.Release.Siblings[level][:])
	}
	w.raw("salt", of.Salt[:])
	w.raw("salt", of.Configuration.Salt[:])
	settings := &of.Configuration.Settings
	list(w, "settings", settings, w.count("settings", len(*settings), statement.MaxSettings))
	if w.err != nil {
		return
	}
	for i := range *settings {
		w.text("key", &(*settings)[i].Key, statement.MaxKey)
		w.signed("value", &(*settings)[i].Value)
	}
}

func blankAnonymization() *statement.AnonymizationWitness {
	return &statement.AnonymizationWitness{Raw: new(statement.Chunk), Released: new(statement.Chunk), Hierarchy: new(statement.Hierarchy)}
}

// anonymization describes an anonymization's witness.
func anonymization(w *wire, of *statement.AnonymizationWitness) {
	if of == nil || of.Raw == nil || of.Released == nil || of.Hierarchy == nil {
		w.fail("witness", "a chunk or the hierarchies are missing")
		return
	}
	capacity := w.count("rows of a chunk", len(of.Keep), maxChunkRows)
	shape, err := statement.ChunkShapeFor(capacity)
	if w.err != nil || err != nil {
		w.fail("chunk", "there is no chunk of so many rows")
		return
	}
	for _, c := range []*statement.Chunk{of.Raw, of.Released} {
		w.unsigned("rows", &c.TableRows, 4, maxUint32)
		w.raw("schema", c.Schema[:])
		list(w, "rows of a chunk", &c.Rows, capacity)
		list(w, "siblings of a chunk", &c.Siblings, shape.Siblings())
		if w.err != nil {
			return
		}
		for i := range c.Rows {
			w.fields("row", c.Rows[i][:])
		}
		w.fields("siblings", c.Siblings)
	}
	for slot := range of.Hierarchy {
		w.raw("hierarchy", of.Hierarchy[slot][:])
	}
	list(w, "flags of kept rows", &of.Keep, capacity)
	for i := range of.Keep {
		w.flag("kept", &of.Keep[i])
	}
}
