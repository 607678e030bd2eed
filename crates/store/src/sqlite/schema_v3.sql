-- Lists without the texts: what they show stands in an index, so that no list reads a definition or a draft.
CREATE INDEX journey_version_head ON journey_version (workspace, slug, version, journey, published_at);
CREATE INDEX draft_head ON draft (workspace, slug, updated_at, author, revision);

-- Messages of a contact by instant: a page reads its own rows and no others.
DROP INDEX message_by_contact;
CREATE INDEX message_by_contact ON message (contact, intended_at);
