# Find the mistake: make hunt, make hunt-tap, HUNT=56, SEED=ada.
## make hunt         put a mistake into a program, to be found in build/hunt/: or make hunt-tap, HUNT=56,
##                   SEED=ada; then make hunt-hint and make hunt-check; make hunts lists them all
HUNTED := $(sort $(notdir $(basename $(wildcard $(FILES:%=%.cpp)))) framing)
.PHONY: hunt hunts hunt-hint hunt-check $(HUNTED:%=hunt-%)
HUNTER := $(BUILD)/tests/hunt/hunt
HUNT_IN := $(BUILD)/hunt

$(HUNTER): $(patsubst %,$(BUILD)/tests/%.o,hunt/hunt hunt/hunts grade/edits) $(GRADE_SUPPORT)
	$(CXX) $(FLAGS) -o $@ $^

hunt $(HUNTED:%=hunt-%): $(HUNTER)
	@$< -o $(HUNT_IN) $(if $(HUNT),-n '$(HUNT)') $(if $(SEED),-s '$(SEED)') $(patsubst hunt-%,%,$(filter hunt-%,$@))

hunts: $(HUNTER)
	@$< -l

hunt-hint: $(HUNTER) $(GRADER)
	@$< -o $(HUNT_IN) -i $(BUILD)/tests/grade/run/grade

hunt-check: $(HUNTER) $(GRADER)
	@$< -o $(HUNT_IN) -c $(BUILD)/tests/grade/run/grade

$(BUILD)/tests/run: $(BUILD)/tests/hunt/hunts.o
test: | $(HUNTER)
