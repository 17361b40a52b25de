# What students get: make handout writes it to build/handout/. No part of it is this file.
## make handout      write what students get to build/handout/: WRITE="zens mzts tae:2" LEVEL=1, 2 or 3
##                   choose what they write; make handout-zip packs it, CHECK=DIR looks at a class
## make check-handout  build and grade all skeletons of a handout, at each level
.PHONY: handout handout-zip check-handout

# Those of the path through LAB.md that is for everybody. From level 2 on without tacr, as the headers of
# asyncio/, which come with it, have functions that are to be written then.
LEVEL ?= 1
WRITE ?= zens zenc zus zuc mzts tas tae framing $(if $(filter 1,$(LEVEL)),tacr)
HANDOUT_TO := $(BUILD)/handout
SKELETON := $(patsubst %,$(BUILD)/tests/handout/%.o,kit skeleton tasks texts)
MAKE_HANDOUT := $(BUILD)/tests/handout/handout

$(MAKE_HANDOUT): $(SKELETON) $(BUILD)/tests/handout/handout.o $(GRADE_SUPPORT) \
                 $(patsubst %,$(BUILD)/tests/%.o,$(addprefix grade/,download edits plan results tables) hunt/hunts)
	$(CXX) $(FLAGS) -o $@ $^

# The skeletons are graded as well: what they earn is what was given, and counts for nobody.
handout: $(MAKE_HANDOUT) $(GRADER)
ifdef CHECK
	@$(MAKE_HANDOUT) -c '$(CHECK)' -o '$(or $(HANDOUT),$(HANDOUT_TO))'
else
	@rm -rf $(HANDOUT_TO)
	@$(MAKE_HANDOUT) -o $(HANDOUT_TO) -l '$(LEVEL)' $(WRITE)
	@echo "Grading the skeletons: what they earn already is given."
	@touch $(HANDOUT_TO)/tests/handout/given
	@names=$$(cat $(HANDOUT_TO)/tests/handout/skeletons); if [ -z "$$names" ]; then echo "There are no checks of them."; \
	    else $(BUILD)/tests/grade/run/grade -k $(HANDOUT_TO) -f $(HANDOUT_TO) -E $(HANDOUT_TO)/tests/handout/given \
	    $(GRADEFLAGS) $$names; fi
	@echo "This is what students get: $(HANDOUT_TO) (make handout-zip packs it)"
endif

# It packs what is there, as it was tried out; with WRITE or LEVEL beside it, it is made first.
handout-zip: $(if $(filter command,$(origin WRITE) $(origin LEVEL)),handout)
	@[ -e $(HANDOUT_TO)/tests/handout/given ] || { echo "There is no $(HANDOUT_TO): make handout first" >&2; exit 1; }
	@$(MAKE) -s -C $(HANDOUT_TO) clean
	@rm -f $(BUILD)/handout.zip && cd $(HANDOUT_TO) && zip -qr ../handout.zip .
	@echo "To be uploaded: $(BUILD)/handout.zip"

# Every program at every level: built by two compilers, and graded. As tests, those that take no time.
$(BUILD)/tests/run: $(SKELETON)
test: | $(MAKE_HANDOUT)
check-handout: $(BUILD)/tests/run $(GRADER)
	HANDOUT_WHOLE=1 $< '[handout-whole]'
