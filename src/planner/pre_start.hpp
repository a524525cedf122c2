// pre_start: steps that a service's containers wait for, each in a container of its own (Compose
// Specification, 05-services.md, "pre_start"). While a stack is read, fetched for and desired, a
// step is a service of its own; afterwards a container of its service that is no replica of it.
// When a step runs is diff_pre_start.cpp's. Pure.
#pragma once

#include <string>
#include <vector>

#include "planner/desired.hpp"

namespace planner {

// Adds a service for each step of each service, and lets the service wait for the last one. Once
// a stack, when the number of replicas is settled.
void add_steps(spec::Stack& stack);
// `names` and the keys under which add_steps() has put their own steps.
std::vector<std::string> with_steps(const spec::Stack& stack,
                                    const std::vector<std::string>& names);
// Makes of the containers that desire() made for these services steps of their service.
void mark_steps(DesiredState& desired);

// "pre_start step 1 of service web"
std::string describe_step(const Container& step);

}  // namespace planner
